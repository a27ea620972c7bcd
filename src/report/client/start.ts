/** What a report does when it is opened: it draws its figures, and again whenever its width changes. */
import type { PageData } from "../series.js";
import { drawAll } from "./draw.js";
import { show } from "./frame.js";

show(JSON.parse(document.getElementById("data")!.textContent!) as PageData);

let width = 0;
new ResizeObserver(() => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  drawAll();
}).observe(document.body);
