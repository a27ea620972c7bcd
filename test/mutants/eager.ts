/** Preloaded into the tests of a mutant: that a law fails is all that counts, so it need not look for the smallest case. */
import fc from "fast-check";

fc.configureGlobal({ endOnFailure: true });
