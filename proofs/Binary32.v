(** * Binary32: the machine's float32, all 2^32 of them

    File Bound.v speaks of reals. Here are the bit patterns: NaN with its payload, infinities, both zeros,
    subnormals, overflow. The operations are those of f32x4 WebAssembly, of scalar f32, and of the TypeScript
    reference ([Math.fround] after each operation): subtraction, multiplication, absolute value, ordered
    comparison, rounding to an integral float, saturating conversion to i32 and conversion back.
    They compute, so the counterexamples and the test vectors are evaluated, not argued.

    Main results
    - [within_sound]: if [|x - xh| < eb] holds in float32 arithmetic and eb is finite, then x and xh are finite and
      the real distance is below eb. NaN fails every comparison; an overflowing difference is infinite and is
      not below a finite eb; so nothing needs to be asked of x and xh.
    - [within_exact]: between finite floats the check is the comparison of the rounded real distance.
    - [within_complete]: finite x and xh at a real distance of at most the float before eb are accepted.
    - [mul_correct], [ofI32_correct]: a finite product is the rounded product; integers of 32 bits convert by rounding.
    - [lt_sound], [lt_complete]: ordered comparison of finite floats is that of the reals. *)

From Coq Require Import ZArith Reals Bool Lra Lia.
From Flocq Require Import Core BinarySingleNaN Binary Bits.
From Comet Require Import Bound.
Open Scope R_scope.

Notation f32 := binary32.
Definition toR (x : f32) : R := B2R 24 128 x.
Definition finite (x : f32) : bool := is_finite 24 128 x.

(** ** The operations *)

Definition ofBits : Z -> f32 := b32_of_bits.
Definition bits : f32 -> Z := bits_of_b32.

Definition sub : f32 -> f32 -> f32 := b32_minus mode_NE.
Definition add : f32 -> f32 -> f32 := b32_plus mode_NE.
Definition mul : f32 -> f32 -> f32 := b32_mult mode_NE.
Definition div : f32 -> f32 -> f32 := b32_div mode_NE.
Definition abs : f32 -> f32 := b32_abs.
Definition neg : f32 -> f32 := b32_opp.

(** [x < y]: false when either is NaN. *)
Definition lt (x y : f32) : bool := match b32_compare x y with Some Lt => true | _ => false end.
Definition le (x y : f32) : bool := match b32_compare x y with Some (Lt | Eq) => true | _ => false end.

(** f32x4.nearest (ties to even), f32x4.ceil, f32x4.floor. *)
Definition nearest : f32 -> f32 := Bnearbyint 24 128 eq_refl unop_nan_pl32 mode_NE.
Definition ceil : f32 -> f32 := Bnearbyint 24 128 eq_refl unop_nan_pl32 mode_UP.
Definition floor : f32 -> f32 := Bnearbyint 24 128 eq_refl unop_nan_pl32 mode_DN.

(** i32x4.trunc_sat_f32x4_s: NaN gives 0, what does not fit saturates. *)
Definition toI32 (x : f32) : Z :=
  match x with
  | B754_nan _ _ _ _ _ => 0
  | B754_infinity _ _ s => if s then - 2 ^ 31 else 2 ^ 31 - 1
  | _ => Z.max (- 2 ^ 31) (Z.min (2 ^ 31 - 1) (Btrunc 24 128 x))
  end%Z.

(** f32x4.convert_i32x4_s: rounds to nearest even when |n| > 2^24. *)
Definition ofI32 (n : Z) : f32 := binary_normalize 24 128 eq_refl eq_refl mode_NE n 0 false.

(** The integer part, of any size, as a mathematical integer. *)
Definition integer (x : f32) : Z := Btrunc 24 128 x.

(** A shorthand for constants: the float32 nearest to n * 2^e. *)
Definition float (n e : Z) : f32 := binary_normalize 24 128 eq_refl eq_refl mode_NE n e false.

(** The encoder's check, operation for operation. *)
Definition within (eb x xh : f32) : bool := lt (abs (sub x xh)) eb.

(** ** What the operations mean in the reals *)

Lemma toR_F32 (x : f32) : F32 (toR x).
Proof. apply generic_format_B2R. Qed.

Lemma toR_lt_max (x : f32) : Rabs (toR x) < bpow radix2 128.
Proof. apply abs_B2R_lt_emax. Qed.

Theorem lt_sound (x y : f32) : finite x = true -> finite y = true -> lt x y = true -> toR x < toR y.
Proof.
  unfold lt, b32_compare; intros Fx Fy.
  rewrite Bcompare_correct by assumption.
  now destruct (Rcompare_spec (B2R 24 128 x) (B2R 24 128 y)).
Qed.

Theorem lt_complete (x y : f32) : finite x = true -> finite y = true -> toR x < toR y -> lt x y = true.
Proof.
  unfold lt, b32_compare; intros Fx Fy less.
  rewrite Bcompare_correct by assumption.
  now rewrite Rcompare_Lt.
Qed.

Lemma lt_false (x y : f32) : finite x = true -> finite y = true -> lt x y = false -> toR y <= toR x.
Proof.
  intros Fx Fy no. apply Rnot_lt_le; intros yes.
  now rewrite (lt_complete x y Fx Fy yes) in no.
Qed.

(** Below a finite float there are finite floats and -infinity, so a magnitude below one is finite. *)
Lemma abs_lt_finite (d eb : f32) : finite eb = true -> lt (abs d) eb = true -> finite d = true.
Proof.
  destruct d as [s | s | s pl ok | s m e ok]; try reflexivity; destruct eb as [[]|[]| |[]]; try discriminate.
Qed.

(** A difference is finite only of two finite floats. *)
Lemma sub_finite (x xh : f32) : finite (sub x xh) = true -> finite x = true /\ finite xh = true.
Proof.
  destruct x as [[]|[]| |[]], xh as [[]|[]| |[]]; now split.
Qed.

Lemma sub_correct (x xh : f32) : finite (sub x xh) = true -> toR (sub x xh) = rnd (toR x - toR xh).
Proof.
  intros Fd. destruct (sub_finite x xh Fd) as [Fx Fxh].
  generalize (Bminus_correct 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x xh Fx Fxh).
  destruct (Rlt_bool_spec (Rabs (round radix2 (SpecFloat.fexp 24 128) (round_mode mode_NE) (B2R 24 128 x - B2R 24 128 xh)))
    (bpow radix2 128)) as [small | large].
  - now intros [exact _].
  - intros [overflow _]. exfalso. revert Fd overflow.
    unfold finite, sub, b32_minus. fold binary32.
    generalize (Bminus 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x xh). intros d Fd.
    destruct d; try discriminate Fd; destruct (Bsign 24 128 x); discriminate.
Qed.

Lemma abs_correct (x : f32) : toR (abs x) = Rabs (toR x).
Proof. apply B2R_Babs. Qed.

Lemma abs_finite (x : f32) : finite (abs x) = finite x.
Proof. apply is_finite_Babs. Qed.

Theorem within_sound (eb x xh : f32) :
  finite eb = true -> within eb x xh = true ->
  finite x = true /\ finite xh = true /\ Rabs (toR x - toR xh) < toR eb.
Proof.
  intros Feb computed.
  assert (Fd := abs_lt_finite _ _ Feb computed).
  destruct (sub_finite _ _ Fd) as [Fx Fxh]; repeat split; auto.
  apply strict_sound; [apply toR_F32|].
  rewrite <- sub_correct by assumption.
  rewrite <- abs_correct.
  apply lt_sound; auto. now rewrite abs_finite.
Qed.

Lemma sub_small (x xh : f32) :
  finite x = true -> finite xh = true -> Rabs (rnd (toR x - toR xh)) < bpow radix2 128 -> finite (sub x xh) = true.
Proof.
  intros Fx Fxh small.
  generalize (Bminus_correct 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x xh Fx Fxh).
  rewrite Rlt_bool_true by exact small.
  now intros [_ [Fd _]].
Qed.

Theorem within_exact (eb x xh : f32) :
  finite x = true -> finite xh = true -> finite eb = true ->
  within eb x xh = true <-> Rabs (rnd (toR x - toR xh)) < toR eb.
Proof.
  intros Fx Fxh Feb. split; intros near.
  - assert (Fd := abs_lt_finite _ _ Feb near).
    rewrite <- sub_correct by exact Fd. rewrite <- abs_correct.
    apply lt_sound; auto. now rewrite abs_finite.
  - assert (Fd : finite (sub x xh) = true).
    { apply sub_small; auto. apply Rlt_trans with (1 := near).
      apply Rle_lt_trans with (Rabs (toR eb)); [apply Rle_abs | apply toR_lt_max]. }
    apply lt_complete; auto.
    + now rewrite abs_finite.
    + now rewrite abs_correct, sub_correct.
Qed.

Theorem within_complete (eb x xh : f32) :
  finite x = true -> finite xh = true -> finite eb = true -> 0 < toR eb ->
  Rabs (toR x - toR xh) <= pred radix2 fexp32 (toR eb) -> within eb x xh = true.
Proof.
  intros Fx Fxh Feb pos near. apply within_exact; auto.
  apply strict_complete; auto. apply toR_F32.
Qed.

Lemma mul_finite (x y : f32) : finite (mul x y) = true -> finite x = true /\ finite y = true.
Proof. destruct x as [[]|[]| |[]], y as [[]|[]| |[]]; now split. Qed.

Theorem mul_correct (x y : f32) : finite (mul x y) = true -> toR (mul x y) = rnd (toR x * toR y).
Proof.
  intros Fp.
  generalize (Bmult_correct 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x y).
  destruct (Rlt_bool_spec (Rabs (round radix2 (SpecFloat.fexp 24 128) (round_mode mode_NE) (B2R 24 128 x * B2R 24 128 y)))
    (bpow radix2 128)) as [small | large].
  - now intros [exact _].
  - intros overflow. exfalso. revert Fp overflow.
    unfold finite, mul, b32_mult. generalize (Bmult 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x y).
    intros p Fp. destruct p; try discriminate Fp; destruct (xorb _ _); discriminate.
Qed.

Theorem ofI32_correct (n : Z) : (Z.abs n <= 2 ^ 32)%Z -> finite (ofI32 n) = true /\ toR (ofI32 n) = rnd (IZR n).
Proof.
  intros range.
  generalize (binary_normalize_correct 24 128 eq_refl eq_refl mode_NE n 0 false).
  replace (F2R (Float radix2 n 0)) with (IZR n) by (unfold F2R; simpl; ring).
  rewrite Rlt_bool_true.
  - now intros [exact [Fn _]].
  - apply Rle_lt_trans with (bpow radix2 32); [|now apply bpow_lt].
    apply abs_round_le_generic; try typeclasses eauto.
    + apply generic_format_bpow'; [typeclasses eauto | now compute].
    + rewrite <- abs_IZR, <- (IZR_Zpower radix2) by lia. now apply IZR_le.
Qed.

Lemma F32_small_integer (n : Z) : (Z.abs n <= 2 ^ 24)%Z -> F32 (IZR n).
Proof.
  intros range. apply generic_format_FLT.
  destruct (Z.eq_dec (Z.abs n) (2 ^ 24)) as [edge | inside].
  - exists (Float radix2 (Z.sgn n * 2 ^ 23) 1).
    + unfold F2R; simpl. rewrite <- mult_IZR. f_equal. lia.
    + simpl. lia.
    + simpl. lia.
  - exists (Float radix2 n 0); [unfold F2R; simpl; ring | simpl; lia | simpl; lia].
Qed.

Lemma zero_toR (x : f32) : finite x = true -> toR x = 0 -> exists s, x = B754_zero 24 128 s.
Proof.
  destruct x as [s | s | s pl ok | s m e ok]; try discriminate; intros _ R0; [now exists s|].
  exfalso. unfold toR, B2R in R0. apply eq_0_F2R in R0. now destruct s.
Qed.

(** A sum is finite only of two finite floats. *)
Lemma add_finite (x y : f32) : finite (add x y) = true -> finite x = true /\ finite y = true.
Proof.
  destruct x as [[]|[]| |[]], y as [[]|[]| |[]]; now split.
Qed.

Lemma add_correct (x y : f32) : finite (add x y) = true -> toR (add x y) = rnd (toR x + toR y).
Proof.
  intros Fs. destruct (add_finite x y Fs) as [Fx Fy].
  generalize (Bplus_correct 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x y Fx Fy).
  destruct (Rlt_bool_spec (Rabs (round radix2 (SpecFloat.fexp 24 128) (round_mode mode_NE) (B2R 24 128 x + B2R 24 128 y)))
    (bpow radix2 128)) as [small | large].
  - now intros [exact _].
  - intros [overflow _]. exfalso. revert Fs overflow.
    unfold finite, add, b32_plus. fold binary32.
    generalize (Bplus 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x y). intros d Fd.
    destruct d; try discriminate Fd; destruct (Bsign 24 128 x); discriminate.
Qed.

Lemma mul_small (x y : f32) :
  finite x = true -> finite y = true -> Rabs (rnd (toR x * toR y)) < bpow radix2 128 ->
  finite (mul x y) = true /\ toR (mul x y) = rnd (toR x * toR y).
Proof.
  intros Fx Fy small.
  generalize (Bmult_correct 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x y).
  rewrite Rlt_bool_true by exact small. fold (finite x) (finite y). rewrite Fx, Fy.
  intros [exact [fin _]]. now split.
Qed.

Lemma div_small (x y : f32) :
  finite x = true -> toR y <> 0 -> Rabs (rnd (toR x / toR y)) < bpow radix2 128 ->
  finite (div x y) = true /\ toR (div x y) = rnd (toR x / toR y).
Proof.
  intros Fx nz small.
  generalize (Bdiv_correct 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x y nz).
  rewrite Rlt_bool_true by exact small. fold (finite x). rewrite Fx.
  intros [exact [fin _]]. now split.
Qed.

Lemma add_small (x y : f32) :
  finite x = true -> finite y = true -> Rabs (rnd (toR x + toR y)) < bpow radix2 128 ->
  finite (add x y) = true /\ toR (add x y) = rnd (toR x + toR y).
Proof.
  intros Fx Fy small.
  generalize (Bplus_correct 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x y Fx Fy).
  rewrite Rlt_bool_true by exact small. intros [exact [fin _]]. now split.
Qed.
