/** A mistyped word gets the known word that was probably meant. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../src/suggest.js";

test("a word that a known one begins with means that one, however many letters are missing", () => {
  const known = ["gist", "jpeg-act", "jpeg-base", "comet", "comet-conv"];
  assert.equal(nearest("jpeg", known), "jpeg-act");
  assert.equal(nearest("JPEG-b", known), "jpeg-base");
  assert.equal(nearest("comet-", known), "comet-conv");
  assert.equal(nearest("comt", known), "comet");
  assert.equal(nearest("gsit", known), "gist");
  assert.equal(nearest("zzzzzz", known), null);
});
