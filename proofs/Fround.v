(** * Fround: [Math.fround] after every operation is binary32 arithmetic

    JavaScript computes in binary64. The reference implementation wraps every float32 operation in
    [Math.fround], so each result is rounded twice: to 53 bits, then to 24. Double rounding is harmless when the
    wide format has more than twice the narrow one's digits plus a little: 53 >= 2 * 24 + 2. Then

      fround(x op y) = fl32(x op y)       for op in + - * / and for the square root, x and y in binary32.

    So the reference and f32x4 WebAssembly compute the same numbers, operation by operation, below the
    overflow threshold. It fails for two operations under one fround, and file Unsound.v shows where.

    Main results
    - [fround_plus], [fround_minus], [fround_mult], [fround_div], [fround_sqrt]: the five equations. *)

From Coq Require Import Reals ZArith Lia.
From Flocq Require Import Core Double_rounding.
From Comet Require Import Bound.
Open Scope R_scope.

(** [Math.fround] applied to a binary64 result. *)
Definition fround (js : R) := rnd js.

Theorem fround_plus (x y : R) : F32 x -> F32 y -> fround (rnd64 (x + y)) = rnd (x + y).
Proof.
  intros Fx%FLT_format_generic Fy%FLT_format_generic; try typeclasses eauto. apply round_round_plus_FLT; try typeclasses eauto; auto; lia.
Qed.

Theorem fround_minus (x y : R) : F32 x -> F32 y -> fround (rnd64 (x - y)) = rnd (x - y).
Proof.
  intros Fx%FLT_format_generic Fy%FLT_format_generic; try typeclasses eauto. apply round_round_minus_FLT; try typeclasses eauto; auto; lia.
Qed.

Theorem fround_mult (x y : R) : F32 x -> F32 y -> fround (rnd64 (x * y)) = rnd (x * y).
Proof.
  intros Fx%FLT_format_generic Fy%FLT_format_generic; try typeclasses eauto. apply round_round_mult_FLT; try typeclasses eauto; auto; lia.
Qed.

Theorem fround_div (x y : R) : y <> 0 -> F32 x -> F32 y -> fround (rnd64 (x / y)) = rnd (x / y).
Proof.
  intros Ny Fx%FLT_format_generic Fy%FLT_format_generic; try typeclasses eauto. apply round_round_div_FLT; try typeclasses eauto; auto; try lia.
  now exists 1%Z.
Qed.

Theorem fround_sqrt (x : R) : F32 x -> fround (rnd64 (sqrt x)) = rnd (sqrt x).
Proof.
  intros Fx%FLT_format_generic; try typeclasses eauto. apply round_round_sqrt_FLT; try typeclasses eauto; auto; lia.
Qed.
