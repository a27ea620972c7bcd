/** The parts of Plot that the site's charts use. A bundle takes only what is named here, which is half of Plot. */
export {
  areaY,
  barX,
  barY,
  dot,
  line,
  lineY,
  plot,
  pointer,
  rectY,
  ruleX,
  ruleY,
  text,
  tip,
} from "@observablehq/plot";
