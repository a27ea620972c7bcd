(** * Unsound: checks and shortcuts that look right and are not

    Each counterexample is a handful of bit patterns on which the tempting variant passes while the real error
    exceeds the bound. The machine's side is evaluated; the real side is arithmetic on fractions.
    Random tests do not find them: of all 2^32 inputs at eb = 1/8, exactly one breaks [half_up_unsound]'s quantiser.

    Main results
    - [nonstrict_unsound] (A): computed |x - xh| <= eb, with xh predicted from reconstructed neighbours, but real > eb.
    - [half_up_unsound] (B): the same check with q = floor(x/2eb + 1/2) in float32: x/2eb + 1/2 rounds up to 1.
    - [nonstrict64_unsound] (C): doing the check in binary64 only moves the problem 29 bits down.
    - [bound_up_unsound] (D): a bound rounded to nearest and checked with <= passes an error above the bound asked for.
    - [skipped_conversion_differs] (E): a decoder that multiplies a 25-bit q by the step in one go, without converting q
      to float32 first, returns another float than the encoder checked.
    - [one_fround_differs] (F): two operations under one [Math.fround] are not float32 arithmetic.
    - [rezero_bound], [rezero_reaches]: resetting small reconstructed values to zero, as COMET does after SZ, weakens the
      bound from eb to 2eb, and comes arbitrarily close to it (here: within 2^-20).
    - [rezero_lattice]: with reconstructions on the lattice 2eb * Z it changes nothing.
    - [strict_refuses]: the strict check refuses A, B and D. *)

From Coq Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN Binary Bits.
From Comet Require Import Bound Binary32.
Open Scope R_scope.

(** The real value of given bits, as a fraction. *)
Ltac fraction_of digits emax x :=
  let v := eval vm_compute in (B2FF digits emax x) in
  let e := eval cbn in (FF2R radix2 v) in
  let known := fresh in
  assert (known : B2FF digits emax x = v) by (now vm_compute);
  replace (B2R digits emax x) with e by (rewrite <- FF2R_B2FF, known; reflexivity);
  clear known.
Ltac fraction x := unfold toR; fraction_of 24%Z 128%Z x.
Ltac fraction64 x := fraction_of 53%Z 1024%Z x.

(** The tempting check, binary32. *)
Definition near (eb x xh : f32) : bool := le (abs (sub x xh)) eb.

(** ** A. eb = 1, x = 2^-30, xh = -1 *)
Definition A_eb := ofBits 0x3F800000.
Definition A_x := ofBits 0x30800000.
Definition A_xh := ofBits 0xBF800000.

Theorem nonstrict_unsound : near A_eb A_x A_xh = true /\ Rabs (toR A_x - toR A_xh) > toR A_eb.
Proof.
  split; [now vm_compute|].
  fraction A_x; fraction A_xh; fraction A_eb.
  unfold F2R; cbn. rewrite Rabs_pos_eq; lra.
Qed.

(** ** B. eb = 1/8, x = the float before 1/8; step 1/4, its inverse 4 *)
Definition B_eb := ofBits 0x3E000000.
Definition B_x := ofBits 0x3DFFFFFF.
Definition half_up (inv x : f32) : f32 := floor (add (mul x inv) (float 1 (-1))).
Definition B_xh := mul (half_up (float 4 0) B_x) (float 1 (-2)).

Theorem half_up_unsound :
  bits B_xh = 0x3E800000%Z /\ near B_eb B_x B_xh = true /\ Rabs (toR B_x - toR B_xh) > toR B_eb.
Proof.
  split; [now vm_compute|]. split; [now vm_compute|].
  fraction B_x; fraction B_xh; fraction B_eb.
  unfold F2R; cbn. rewrite Rabs_left; lra.
Qed.

(** Ties to even, on the same input: q = 0, and the error is x itself, below eb. *)
Theorem nearest_instead : bits (mul (nearest (mul B_x (float 4 0))) (float 1 (-2))) = 0%Z.
Proof. now vm_compute. Qed.

(** ** C. binary64: eb = 1, x = 2^-60, xh = -1 *)
Definition C_eb := b64_of_bits 0x3FF0000000000000.
Definition C_x := b64_of_bits 0x3C30000000000000.
Definition C_xh := b64_of_bits 0xBFF0000000000000.

Theorem nonstrict64_unsound :
  b64_compare (b64_abs (b64_minus mode_NE C_x C_xh)) C_eb = Some Eq /\
  B2R 53 1024 C_x - B2R 53 1024 C_xh > B2R 53 1024 C_eb.
Proof.
  split; [now vm_compute|].
  fraction64 C_x; fraction64 C_xh; fraction64 C_eb.
  unfold F2R; cbn. lra.
Qed.

(** ** D. The bound 0.1 is a binary64; its nearest binary32 is larger *)
Definition D_bound := b64_of_bits 0x3FB999999999999A.
Definition D_eb := ofBits 0x3DCCCCCD.

Theorem bound_up_unsound :
  near D_eb D_eb (ofBits 0) = true /\ Rabs (toR D_eb - toR (ofBits 0)) > B2R 53 1024 D_bound.
Proof.
  split; [now vm_compute|].
  fraction D_eb; fraction (ofBits 0); fraction64 D_bound.
  unfold F2R; cbn. rewrite Rabs_pos_eq; lra.
Qed.

Theorem strict_refuses :
  within A_eb A_x A_xh = false /\ within B_eb B_x B_xh = false /\ within D_eb D_eb (ofBits 0) = false.
Proof. repeat split. Qed.

(** ** E. q = 2^24 + 1, step = fround(0.1) = 13421773 * 2^-27 *)
Theorem skipped_conversion_differs :
  bits (mul (ofI32 16777217) D_eb) = 0x49CCCCCD%Z /\
  bits (float (16777217 * 13421773) (-27)) = 0x49CCCCCE%Z.
Proof. split; now vm_compute. Qed.

(** ** F. a = b = 1 + 2^-12, c = -(1 + 2^-11): a * b + c is 2^-24 in binary64 and 0 in float32 *)
Theorem one_fround_differs :
  bits (add (mul (ofBits 0x3F800800) (ofBits 0x3F800800)) (ofBits 0xBF801000)) = 0%Z /\
  bits_of_b64
    (b64_plus mode_NE
      (b64_mult mode_NE (b64_of_bits 0x3FF0010000000000) (b64_of_bits 0x3FF0010000000000))
      (b64_of_bits 0xBFF0020000000000)) = 0x3E70000000000000%Z.
Proof. split; now vm_compute. Qed.

(** ** Re-zeroing *)

Definition rezero (eb xh : R) : R := if Rlt_bool (Rabs xh) eb then 0 else xh.

Theorem rezero_bound (eb x xh : R) : Rabs (x - xh) < eb -> Rabs (x - rezero eb xh) < 2 * eb.
Proof.
  intros close. assert (0 < eb) by (pose proof (Rabs_pos (x - xh)); lra).
  unfold rezero. destruct (Rlt_bool_spec (Rabs xh) eb) as [small | _]; [|lra].
  replace (x - 0) with ((x - xh) + xh) by ring.
  pose proof (Rabs_triang (x - xh) xh). lra.
Qed.

(** eb = 1, xh = 1 - 2^-23, x = 2 - 2^-21: a value almost twice the bound becomes 0. *)
Theorem rezero_reaches :
  let xh := ofBits 0x3F7FFFFE in
  let x := ofBits 0x3FFFFFFC in
  within A_eb x xh = true /\ rezero (toR A_eb) (toR xh) = 0 /\ Rabs (toR x - 0) > 2 * toR A_eb - / 2 ^ 20.
Proof.
  intros xh x. subst xh x. split; [now vm_compute|].
  fraction A_eb; fraction (ofBits 0x3F7FFFFE); fraction (ofBits 0x3FFFFFFC).
  unfold F2R; cbn. split.
  - unfold rezero. rewrite Rlt_bool_true; [reflexivity|]. rewrite Rabs_pos_eq; lra.
  - rewrite Rabs_pos_eq; lra.
Qed.

Theorem rezero_lattice (eb : R) (q : Z) : 0 < eb -> rezero eb (IZR q * (2 * eb)) = IZR q * (2 * eb).
Proof.
  intros pos. unfold rezero. destruct (Rlt_bool_spec (Rabs (IZR q * (2 * eb))) eb) as [small | _]; [|reflexivity].
  destruct (Z.eq_dec q 0) as [-> | nz]; [ring|]. exfalso.
  rewrite Rabs_mult, <- abs_IZR, (Rabs_pos_eq (2 * eb)) in small by lra.
  assert (1 <= IZR (Z.abs q)) by (apply IZR_le; lia).
  nra.
Qed.
