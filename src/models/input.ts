/** The images and classes that a model is built for. */
export interface Input {
  channels: number;
  height: number;
  width: number;
  classes: number;
}
