/** What a model is made for. */
export interface Input {
  channels: number;
  height: number;
  width: number;
  classes: number;
}
