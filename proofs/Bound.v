(** * Bound: when a check made in rounded arithmetic proves a bound in the reals

    An encoder holds x, the value [xh] that the decoder will return, and the bound eb. It can compute
    only fl(|x - xh|), the *rounded* distance. What does a comparison of that with eb say about |x - xh|?

    Rounding is monotone and leaves floats where they are. So if |x - xh| >= eb, and eb is a float, then
    fl(|x - xh|) >= eb. Turned round: a computed distance *strictly* below eb proves a real one below eb,
    whatever x and xh are, wherever xh came from. With <= the argument breaks, because a distance in
    (eb, eb + ulp/2] may round down to eb; file Unsound.v shows floats where it does.

    Main results
    - [strict_sound_any]: in every format and rounding mode, computed < bound implies real < bound.
    - [strict_sound], [strict_sound64]: the same for binary32 and for binary64, to nearest even.
    - [strict_complete]: the strict check refuses only distances above the float before eb.
    - [sterbenz_exact]: if xh = 0, or x and xh have one sign and lie within a factor 2, the difference is exact.
    - [grid_sound]: computed <= eb is enough when x and xh are both multiples of ulp(eb);
      [on_grid] says which floats are.
    - [bound_nearest_sound], [bound_down_sound]: the bound may itself be rounded to binary32, to nearest or down.

    Zero, subnormals and rounding are those of IEEE 754; infinities and NaN come in with file Binary32.v. *)

From Coq Require Import Reals Lra Lia ZArith.
From Flocq Require Import Core Sterbenz.
Open Scope R_scope.

(** ** binary32 as a set of reals: m * 2^e with |m| < 2^24 and e >= -149 *)

#[export] Instance prec24 : Prec_gt_0 24 := eq_refl.
#[export] Instance prec53 : Prec_gt_0 53 := eq_refl.

Definition fexp32 := FLT_exp (-149) 24.
Definition fexp64 := FLT_exp (-1074) 53.

Definition F32 (x : R) := generic_format radix2 fexp32 x.
Definition F64 (x : R) := generic_format radix2 fexp64 x.

(** Round to nearest, ties to even: what every float32 operation of WebAssembly and [Math.fround] do. *)
Definition rnd (x : R) := round radix2 fexp32 ZnearestE x.
Definition rnd64 (x : R) := round radix2 fexp64 ZnearestE x.

#[export] Instance valid32 : Valid_exp fexp32 := FLT_exp_valid (-149) 24.
#[export] Instance valid64 : Valid_exp fexp64 := FLT_exp_valid (-1074) 53.

(** ** The strict check *)

(** Contrapositive of monotonicity: three lines, and everything rests on them. *)
Theorem strict_sound_any (fexp : Z -> Z) `{Valid_exp fexp} (mode : R -> Z) `{Valid_rnd mode} (x xh eb : R) :
  generic_format radix2 fexp eb ->
  Rabs (round radix2 fexp mode (x - xh)) < eb ->
  Rabs (x - xh) < eb.
Proof.
  intros Feb computed.
  apply Rnot_le_lt; intros far.
  apply (Rlt_irrefl eb).
  apply Rle_lt_trans with (2 := computed).
  now apply abs_round_ge_generic.
Qed.

Theorem strict_sound (x xh eb : R) : F32 eb -> Rabs (rnd (x - xh)) < eb -> Rabs (x - xh) < eb.
Proof. apply strict_sound_any; typeclasses eauto. Qed.

Theorem strict_sound64 (x xh eb : R) : F64 eb -> Rabs (rnd64 (x - xh)) < eb -> Rabs (x - xh) < eb.
Proof. apply strict_sound_any; typeclasses eauto. Qed.

(** What strictness costs: nothing below the float before eb. *)
Theorem strict_complete (x xh eb : R) :
  F32 eb -> 0 < eb -> Rabs (x - xh) <= pred radix2 fexp32 eb -> Rabs (rnd (x - xh)) < eb.
Proof.
  intros Feb pos near.
  apply Rle_lt_trans with (pred radix2 fexp32 eb).
  - apply abs_round_le_generic; try typeclasses eauto.
    + now apply generic_format_pred; try typeclasses eauto.
    + exact near.
  - apply pred_lt_id; lra.
Qed.

(** ** Exact differences *)

Theorem sterbenz_exact (x xh : R) :
  F32 x -> F32 xh ->
  xh = 0 \/ (xh / 2 <= x <= 2 * xh) \/ (- xh / 2 <= - x <= 2 * - xh) ->
  rnd (x - xh) = x - xh.
Proof.
  intros Fx Fxh near.
  apply round_generic; [typeclasses eauto|].
  destruct near as [zero | [same | same]].
  - now rewrite zero, Rminus_0_r.
  - now apply sterbenz; try typeclasses eauto.
  - replace (x - xh) with (- (- x - - xh)) by ring.
    apply generic_format_opp, sterbenz; try typeclasses eauto; try now apply generic_format_opp.
    lra.
Qed.

(** ** The non-strict check on a grid

    Multiples of ulp(eb) differ by multiples of ulp(eb). The first such multiple above eb is the float after
    eb, so a difference that is not <= eb is at least that float, and stays so when it is rounded. *)

Definition grid (eb y : R) := exists k : Z, y = IZR k * ulp radix2 fexp32 eb.

Theorem on_grid (eb y : R) :
  F32 y -> 0 < eb -> y = 0 \/ bpow radix2 (mag radix2 eb - 1) <= Rabs y -> grid eb y.
Proof.
  intros Fy pos [-> | big].
  - exists 0%Z. lra.
  - assert (step : (cexp radix2 fexp32 eb <= cexp radix2 fexp32 y)%Z).
    { unfold cexp, fexp32, FLT_exp.
      assert (mag radix2 eb <= mag radix2 y)%Z by now apply mag_ge_bpow.
      lia. }
    exists (Ztrunc (scaled_mantissa radix2 fexp32 y) * 2 ^ (cexp radix2 fexp32 y - cexp radix2 fexp32 eb))%Z.
    rewrite ulp_neq_0 by lra.
    etransitivity; [exact Fy|]. unfold F2R; simpl Fnum; simpl Fexp.
    rewrite mult_IZR, (IZR_Zpower radix2) by lia.
    rewrite Rmult_assoc, <- bpow_plus.
    now ring_simplify (cexp radix2 fexp32 y - cexp radix2 fexp32 eb + cexp radix2 fexp32 eb)%Z.
Qed.

Theorem grid_sound (x xh eb : R) :
  F32 eb -> 0 < eb -> grid eb x -> grid eb xh -> Rabs (rnd (x - xh)) <= eb -> Rabs (x - xh) <= eb.
Proof.
  intros Feb pos [i ->] [j ->] computed.
  set (u := ulp radix2 fexp32 eb) in *.
  assert (upos : 0 < u) by (unfold u; rewrite ulp_neq_0 by lra; apply bpow_gt_0).
  assert (whole : exists n : Z, eb = IZR n * u).
  { exists (Ztrunc (scaled_mantissa radix2 fexp32 eb)).
    unfold u. rewrite ulp_neq_0 by lra. exact Feb. }
  destruct whole as [n eb_n].
  replace (IZR i * u - IZR j * u) with (IZR (i - j) * u) in * by (rewrite minus_IZR; ring).
  apply Rnot_lt_le; intros far.
  (* a multiple of u above eb = n u is at least (n + 1) u, the successor of eb *)
  assert (succ_le : succ radix2 fexp32 eb <= Rabs (IZR (i - j) * u)).
  { rewrite succ_eq_pos by lra. fold u.
    rewrite Rabs_mult, (Rabs_pos_eq u), <- abs_IZR in * by lra.
    rewrite eb_n in far |- *.
    replace (IZR n * u + u) with (IZR (n + 1) * u) by (rewrite plus_IZR; ring).
    apply Rmult_le_compat_r; [lra|].
    apply IZR_le. apply Rmult_lt_reg_r, lt_IZR in far; [lia | exact upos]. }
  assert (after : succ radix2 fexp32 eb <= Rabs (rnd (IZR (i - j) * u))).
  { apply abs_round_ge_generic; try typeclasses eauto; [|exact succ_le].
    apply generic_format_succ; [typeclasses eauto | exact Feb]. }
  assert (eb < succ radix2 fexp32 eb) by (apply succ_gt_id; lra).
  lra.
Qed.

(** ** A bound that arrives as a binary64

    The API takes JavaScript numbers. Under the strict check either rounding of the bound to binary32 keeps the
    promise made for the number that was given: nearest, because rounding is monotone (and then no hypothesis on the
    bound is left at all), and downwards. Downwards is what the codec does, since the bound that a frame *states*
    is then no larger than the one asked for; fround(0.1) > 0.1. *)

Theorem bound_nearest_sound (bound x xh : R) : Rabs (rnd (x - xh)) < rnd bound -> Rabs (x - xh) < bound.
Proof.
  intros computed.
  apply Rnot_le_lt; intros far.
  apply (Rlt_irrefl (rnd bound)).
  apply Rle_lt_trans with (2 := computed).
  unfold rnd at 2. rewrite <- round_NE_abs by typeclasses eauto.
  now apply round_le; try typeclasses eauto.
Qed.

Definition bound_down (bound : R) := round radix2 fexp32 Zfloor bound.

Theorem bound_down_sound (bound x xh : R) :
  Rabs (rnd (x - xh)) < bound_down bound -> Rabs (x - xh) < bound_down bound /\ bound_down bound <= bound.
Proof.
  intros computed; split.
  - apply strict_sound; [|exact computed].
    apply generic_format_round; typeclasses eauto.
  - apply round_DN_pt. typeclasses eauto.
Qed.
