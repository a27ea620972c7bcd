(** * Quantize: from a value to an integer and back, within the bound

    The four quantisers exactly as they are implemented, on bit patterns; they compute, and Vectors.v runs them.

      support   zero is 0; else m = floor(|x| * inverse) + 1 with x's sign; back (q -+ 1/2) * step
      paper     q = nearest(x * inverse); back q * step
      dithered  q = nearest(x * inverse + u), u in (-1/2, 1/2) known to both sides; back (q - u) * step;
                zero is kept apart, so a non-zero q's number is moved one away from 0
      signed    the same, but the number moves to x's side, so that it has x's sign whatever the value that comes back

    The encoder reconstructs with the decoder's formula and keeps the raw bits of every value that does not pass the
    strict check. So the bound needs no property of the quantiser at all; the zeros and signs of support and signed need a few lines each.

    Main results
    - [code_sound]: whatever the quantiser, its parameters and the dither: a value that is coded as an integer is finite,
      comes back finite, and strictly within the bound. NaN and infinities are therefore always raw.
    - [round_trip]: every one of the 2^32 values comes back with its own bits or strictly within the bound.
    - [support_zero], [paper_zero], [dithered_zero], [signed_zero]: both zeros are coded as 0, which comes back as +0.
    - [support_sign]: a value that support codes comes back with its sign, never as zero; its integer has that sign too.
    - [support_mask]: so x > 0 exactly where the decoded value is, and exactly where the integer is > 0: the ReLU mask is
      the compressed tensor.
    - [dithered_nonzero]: dithered codes no other value as 0, so the zero pattern survives.
    - [signed_sign]: the integer of a value that signed codes has the value's sign, and is 0 for zeros alone.
    - [signed_mask]: so what rectified decoding, which takes integers below 0 for 0, brings back is not zero exactly where
      x > 0.
    - [orderedBits_involutive]: the lossless mode's reordering of bit patterns is its own inverse. *)

From Coq Require Import ZArith Reals Bool Lra Lia.
From Flocq Require Import Core BinarySingleNaN Binary Bits.
From Comet Require Import Bound Binary32.
Open Scope R_scope.

(** ** The parameters

    models src/codec/bound.ts:bin: step = bound * (2 - 2^-8), so bins are a little narrower than twice the bound. *)

Record bin := Bin { bound : f32; step : f32; inverse : f32 }.

Definition zero := float 0 0.
Definition one := float 1 0.

Definition binOf (b : f32) : bin := let s := mul b (float 511 (-8)) in Bin b s (div one s).

Inductive quantizer := Support | Paper | Dithered | Signed.

(** Bounds for values >= 0 and for those < 0; only support and signed let them differ. *)
Record quantization := Quantization { kind : quantizer; positive : bin; negative : bin }.

Definition side (c : quantization) (below : bool) : bin :=
  match kind c with Support | Signed => if below then negative c else positive c | _ => positive c end.

(** ** Value to integer

    models src/codec/stages/quantize.ts:quantize. [u] is the element's dither; support and paper ignore it. *)

Definition isZero (x : f32) : bool := match x with B754_zero _ _ _ => true | _ => false end.

Definition limit := float 1 22.

Definition integerOf (c : quantization) (u x : f32) : option Z :=
  let scale := inverse (side c (lt x zero)) in
  match kind c with
  | Support =>
      let quotient := mul (abs x) scale in
      if lt quotient limit then
        let m := if isZero x then 0%Z else (integer quotient + 1)%Z in
        Some (if lt x zero then - m else m)%Z
      else None
  | Paper =>
      let quotient := mul x scale in
      if lt (abs quotient) limit then Some (integer (nearest quotient)) else None
  | Dithered =>
      if isZero x then Some 0%Z else
      let quotient := add (mul x scale) u in
      if lt (abs quotient) limit then
        let q := integer (nearest quotient) in Some (if q <? 0 then q else q + 1)%Z
      else None
  | Signed =>
      if isZero x then Some 0%Z else
      let quotient := add (mul x scale) u in
      if lt (abs quotient) limit then
        let q := integer (nearest quotient) in Some (if lt x zero then q - 1 else q + 1)%Z
      else None
  end.

(** ** Integer to value

    models src/codec/stages/quantize.ts:dequantize. Defined for every 32-bit integer, since a damaged frame may hold any. *)

Definition half (q : Z) : f32 :=
  if (q <? 0)%Z then float (-1) (-1) else if (0 <? q)%Z then float 1 (-1) else zero.

Definition valueOf (c : quantization) (u : f32) (q : Z) : f32 :=
  let s := step (side c (q <? 0)%Z) in
  match kind c with
  | Support => mul (sub (ofI32 q) (half q)) s
  | Paper => mul (ofI32 q) s
  | Dithered => if (q =? 0)%Z then zero else mul (sub (ofI32 (if (0 <? q)%Z then q - 1 else q)) u) s
  | Signed => if (q =? 0)%Z then zero else mul (sub (ofI32 (if (0 <? q)%Z then q - 1 else q + 1)) u) s
  end.

(** ** The checked code *)

Inductive code := Integer (q : Z) | Raw (x : f32).

Definition encode (c : quantization) (u x : f32) : code :=
  match integerOf c u x with
  | Some q => if within (bound (side c (lt x zero))) x (valueOf c u q) then Integer q else Raw x
  | None => Raw x
  end.

Definition decode (c : quantization) (u : f32) (w : code) : f32 :=
  match w with Integer q => valueOf c u q | Raw x => x end.

Definition finiteBounds (c : quantization) : Prop :=
  finite (bound (positive c)) = true /\ finite (bound (negative c)) = true.

Lemma side_finite c below : finiteBounds c -> finite (bound (side c below)) = true.
Proof. intros [pos neg]. unfold side. destruct (kind c), below; assumption. Qed.

Lemma encode_integer c u x q : encode c u x = Integer q ->
  integerOf c u x = Some q /\ within (bound (side c (lt x zero))) x (valueOf c u q) = true.
Proof.
  unfold encode. destruct (integerOf c u x) as [q'|]; [|discriminate].
  destruct (within _ x (valueOf c u q')) eqn:ok; [|discriminate].
  intros [= ->]. now split.
Qed.

Theorem code_sound (c : quantization) (u x : f32) (q : Z) :
  finiteBounds c -> encode c u x = Integer q ->
  finite x = true /\ finite (valueOf c u q) = true /\
  Rabs (toR x - toR (valueOf c u q)) < toR (bound (side c (lt x zero))).
Proof.
  intros bounds coded. apply encode_integer in coded. destruct coded as [_ ok].
  apply within_sound; [now apply side_finite | exact ok].
Qed.

Theorem round_trip (c : quantization) (u x : f32) :
  finiteBounds c ->
  let y := decode c u (encode c u x) in
  y = x \/ (finite x = true /\ finite y = true /\ Rabs (toR x - toR y) < toR (bound (side c (lt x zero)))).
Proof.
  intros bounds y. subst y. destruct (encode c u x) as [q | raw] eqn:coded.
  - right. now apply code_sound.
  - left. unfold encode in coded. simpl.
    destruct (integerOf c u x) as [q|]; [destruct (within _ x (valueOf c u q))|]; congruence.
Qed.

(** ** Zeros *)

Definition positiveFinite (x : f32) : Prop := finite x = true /\ 0 < toR x.
Definition positiveBin (b : bin) : Prop :=
  positiveFinite (bound b) /\ positiveFinite (step b) /\ finite (inverse b) = true.

Lemma positive_shape x : positiveFinite x -> exists m e ok, x = B754_finite 24 128 false m e ok.
Proof.
  intros [fin pos]. destruct x as [s | s | s pl ok | [] m e ok]; try discriminate fin.
  - exfalso. cbn in pos. lra.
  - exfalso. assert (toR (B754_finite 24 128 true m e ok) < 0) by (apply F2R_lt_0; reflexivity). lra.
  - now exists m, e, ok.
Qed.

(** 0 times a finite number is a zero, and a zero is below every positive float. *)
Lemma zero_codes (s : bool) (x : f32) : finite x = true -> isZero (mul (B754_zero 24 128 s) x) = true.
Proof. destruct x as [s' | s' | s' pl ok | s' m e ok]; easy. Qed.

Lemma abs_zero x : isZero x = true -> exists s, abs x = B754_zero 24 128 s.
Proof. destruct x; try discriminate. now exists false. Qed.

Lemma isZero_shape x : isZero x = true -> exists s, x = B754_zero 24 128 s.
Proof. destruct x; try discriminate. now eexists. Qed.

Lemma within_zero b s : positiveFinite b -> within b (B754_zero 24 128 s) zero = true.
Proof. intros pos. destruct (positive_shape b pos) as [m [e [ok ->]]]. now destruct s. Qed.

Theorem support_zero (c : quantization) (u : f32) (s : bool) :
  kind c = Support -> positiveBin (positive c) ->
  encode c u (B754_zero 24 128 s) = Integer 0 /\ valueOf c u 0 = zero.
Proof.
  intros K [pb [ps fi]].
  assert (back : valueOf c u 0 = zero).
  { unfold valueOf, side. rewrite K. change (0 <? 0)%Z with false. cbv iota zeta.
    change (sub (ofI32 0) (half 0)) with zero.
    destruct (positive_shape _ ps) as [m [e [ok ->]]]. reflexivity. }
  split; [|exact back].
  unfold encode, integerOf. rewrite K. unfold side at 1. rewrite K.
  replace (lt (B754_zero 24 128 s) zero) with false by (now destruct s). cbv iota zeta.
  change (abs (B754_zero 24 128 s)) with (B754_zero 24 128 false).
  destruct (isZero_shape _ (zero_codes false _ fi)) as [s' ->].
  replace (lt (B754_zero 24 128 s') limit) with true by (now destruct s'). cbn [isZero].
  rewrite back. unfold side. rewrite K. now rewrite within_zero.
Qed.

Theorem paper_zero (c : quantization) (u : f32) (s : bool) :
  kind c = Paper -> positiveBin (positive c) ->
  encode c u (B754_zero 24 128 s) = Integer 0 /\ valueOf c u 0 = zero.
Proof.
  intros K [pb [ps fi]].
  assert (back : valueOf c u 0 = zero).
  { unfold valueOf, side. rewrite K.
    change (ofI32 0) with zero. destruct (positive_shape _ ps) as [m [e [ok ->]]]. reflexivity. }
  split; [|exact back].
  unfold encode, integerOf. rewrite K. unfold side. rewrite K.
  destruct (isZero_shape _ (zero_codes s _ fi)) as [s' ->].
  replace (lt (abs (B754_zero 24 128 s')) limit) with true by (now destruct s').
  replace (integer (nearest (B754_zero 24 128 s'))) with 0%Z by (now destruct s').
  rewrite back. now rewrite within_zero.
Qed.

Theorem dithered_zero (c : quantization) (u : f32) (s : bool) :
  kind c = Dithered -> positiveBin (positive c) ->
  encode c u (B754_zero 24 128 s) = Integer 0 /\ valueOf c u 0 = zero.
Proof.
  intros K [pb _].
  assert (back : valueOf c u 0 = zero) by (unfold valueOf; now rewrite K).
  split; [|exact back].
  unfold encode, integerOf. rewrite K. cbn [isZero]. rewrite back. unfold side. rewrite K.
  now rewrite within_zero.
Qed.

Theorem signed_zero (c : quantization) (u : f32) (s : bool) :
  kind c = Signed -> positiveBin (positive c) ->
  encode c u (B754_zero 24 128 s) = Integer 0 /\ valueOf c u 0 = zero.
Proof.
  intros K [pb _].
  assert (back : valueOf c u 0 = zero) by (unfold valueOf; now rewrite K).
  split; [|exact back].
  unfold encode, integerOf. rewrite K. cbn [isZero]. rewrite back. unfold side. rewrite K.
  replace (lt (B754_zero 24 128 s) zero) with false by (now destruct s). now rewrite within_zero.
Qed.

Theorem dithered_nonzero (c : quantization) (u x : f32) :
  kind c = Dithered -> encode c u x = Integer 0 -> isZero x = true.
Proof.
  intros K coded. apply encode_integer in coded. destruct coded as [some _].
  unfold integerOf in some. rewrite K in some. destruct (isZero x); [reflexivity|].
  destruct (lt _ limit); [|discriminate]. injection some as some.
  destruct (Z.ltb_spec (integer (nearest (add (mul x (inverse (side c (lt x zero)))) u))) 0); lia.
Qed.

(** ** Signs under support *)

Lemma integer_nonneg x : finite x = true -> 0 <= toR x -> (0 <= integer x)%Z.
Proof.
  intros Fx pos. unfold integer. apply le_IZR. rewrite Btrunc_correct by reflexivity.
  apply round_ge_generic; try typeclasses eauto; [apply generic_format_0 | exact pos].
Qed.

Lemma F32_half : F32 (/ 2).
Proof. change (/ 2) with (bpow radix2 (-1)). apply generic_format_bpow'; [typeclasses eauto | now compute]. Qed.

Lemma rnd_ge (a x : R) : F32 a -> a <= x -> a <= rnd x.
Proof. intros. apply round_ge_generic; try typeclasses eauto; assumption. Qed.

Lemma rnd_opp (x : R) : rnd (- x) = - rnd x.
Proof. apply round_NE_opp. Qed.

Lemma toR_float_half : toR (float 1 (-1)) = / 2.
Proof. unfold toR. rewrite <- FF2R_B2FF. change (B2FF 24 128 (float 1 (-1))) with (F754_finite false 8388608 (-24)). cbn; unfold F2R; cbn. lra. Qed.

Lemma toR_float_minus_half : toR (float (-1) (-1)) = - / 2.
Proof. unfold toR. rewrite <- FF2R_B2FF. change (B2FF 24 128 (float (-1) (-1))) with (F754_finite true 8388608 (-24)). cbn; unfold F2R; cbn. lra. Qed.

(** The centre of bin q, in steps: at least 1/2 away from zero on q's side. *)
Lemma centre_sign (q : Z) (s : f32) : (Z.abs q <= 2 ^ 32)%Z -> q <> 0%Z -> finite (mul (sub (ofI32 q) (half q)) s) = true ->
  ((0 < q)%Z -> / 2 <= toR (sub (ofI32 q) (half q))) /\ ((q < 0)%Z -> toR (sub (ofI32 q) (half q)) <= - / 2).
Proof.
  intros range nz fin. destruct (mul_finite _ _ fin) as [Fc _]. rewrite (sub_correct _ _ Fc).
  destruct (ofI32_correct q range) as [_ ->]. unfold half.
  assert (F1 : F32 1) by now apply (F32_small_integer 1).
  split; intros sign.
  - destruct (Z.ltb_spec q 0); [lia|]. destruct (Z.ltb_spec 0 q); [|lia].
    rewrite toR_float_half. apply rnd_ge; [apply F32_half|].
    assert (1 <= rnd (IZR q)) by (apply rnd_ge; [exact F1 | apply IZR_le; lia]). lra.
  - destruct (Z.ltb_spec q 0); [|lia].
    rewrite toR_float_minus_half.
    replace (rnd (IZR q) - - / 2) with (- (rnd (IZR (- q)) - / 2)) by (rewrite opp_IZR, rnd_opp; ring).
    rewrite rnd_opp. apply Ropp_le_contravar, rnd_ge; [apply F32_half|].
    assert (1 <= rnd (IZR (- q))) by (apply rnd_ge; [exact F1 | apply IZR_le; lia]). lra.
Qed.

(** Half a step does not vanish: a step of at least 2^-148 has a half that is a positive float. *)
Definition notTiny (b : bin) : Prop := bpow radix2 (-148) <= toR (step b).

Lemma scaled_pos (c s : R) : / 2 <= c -> bpow radix2 (-148) <= s -> 0 < rnd (c * s).
Proof.
  intros centre tiny. apply Rlt_le_trans with (bpow radix2 (-149)); [apply bpow_gt_0|].
  apply rnd_ge; [apply generic_format_bpow'; [typeclasses eauto | now compute]|].
  replace (bpow radix2 (-149)) with (/ 2 * bpow radix2 (-148)) by (change (/ 2) with (bpow radix2 (-1)); now rewrite <- bpow_plus).
  apply Rmult_le_compat; try lra. apply bpow_ge_0.
Qed.

Lemma support_value_sign (c : quantization) (u : f32) (q : Z) :
  kind c = Support -> notTiny (positive c) -> notTiny (negative c) ->
  (Z.abs q <= 2 ^ 32)%Z -> finite (valueOf c u q) = true ->
  ((0 < q)%Z -> 0 < toR (valueOf c u q)) /\ ((q < 0)%Z -> toR (valueOf c u q) < 0).
Proof.
  intros K big_p big_n range fin. unfold valueOf in *. rewrite K in *.
  rewrite (mul_correct _ _ fin).
  assert (big : bpow radix2 (-148) <= toR (step (side c (q <? 0)%Z)))
    by (unfold side; rewrite K; destruct (q <? 0)%Z; assumption).
  split; intros sign.
  - destruct (centre_sign q _ range ltac:(lia) fin) as [centre _]. now apply scaled_pos; auto.
  - destruct (centre_sign q _ range ltac:(lia) fin) as [_ centre].
    set (t := toR (sub (ofI32 q) (half q))) in *.
    replace (t * toR (step (side c (q <? 0)%Z))) with (- (- t * toR (step (side c (q <? 0)%Z)))) by ring.
    rewrite rnd_opp. apply Ropp_lt_gt_0_contravar. apply scaled_pos; [|exact big]. specialize (centre sign). lra.
Qed.

Lemma mul_nonneg x y : 0 <= toR x -> 0 <= toR y -> 0 <= toR (mul x y).
Proof.
  intros pos_x pos_y.
  generalize (Bmult_correct 24 128 eq_refl eq_refl binop_nan_pl32 mode_NE x y).
  destruct (Rlt_bool _ _).
  - intros [exact _]. unfold toR, mul, b32_mult. rewrite exact.
    apply round_ge_generic; try typeclasses eauto; [apply generic_format_0 | now apply Rmult_le_pos].
  - intros overflow. unfold toR, mul, b32_mult. rewrite <- FF2R_B2FF. setoid_rewrite overflow. apply Rle_refl.
Qed.

(** Infinities and NaN have the real value 0 here, so this holds for them as well. *)
Lemma lt_toR x y : finite y = true -> 0 < toR y -> lt x y = true -> toR x < toR y.
Proof.
  intros Fy pos less. destruct x as [s | s | s pl ok | s m e ok]; try exact pos.
  now apply lt_sound.
Qed.

Lemma toR_limit : toR limit = IZR (2 ^ 22).
Proof. unfold toR. rewrite <- FF2R_B2FF. change (B2FF 24 128 limit) with (F754_finite false 8388608 (-1)). cbn; unfold F2R; cbn. lra. Qed.

Lemma integer_range x : 0 <= toR x < IZR (2 ^ 22) -> (0 <= integer x <= 2 ^ 22)%Z.
Proof.
  intros [low high]. unfold integer. split; apply le_IZR; rewrite Btrunc_correct by reflexivity.
  - apply round_ge_generic; try typeclasses eauto; [apply generic_format_0 | exact low].
  - apply round_le_generic; try typeclasses eauto.
    + apply generic_format_FIX. exists (Float radix2 (2 ^ 22) 0); [unfold F2R; simpl; ring | reflexivity].
    + now apply Rlt_le.
Qed.

Lemma isZero_toR x : isZero x = true -> toR x = 0.
Proof. now destruct x. Qed.

Lemma lt_zero x : finite x = true -> lt x zero = true <-> toR x < 0.
Proof.
  intros Fx. split; intros less.
  - now apply lt_sound in less.
  - now apply lt_complete.
Qed.

(** What the encoder writes fits a register with room to spare, and has the value's sign. *)
Lemma support_integer (c : quantization) (u x : f32) (q : Z) :
  kind c = Support -> finite x = true -> 0 <= toR (inverse (side c (lt x zero))) -> integerOf c u x = Some q ->
  (Z.abs q <= 2 ^ 22 + 1)%Z /\ (0 < toR x -> (0 < q)%Z) /\ (toR x < 0 -> (q < 0)%Z) /\ (toR x = 0 -> q = 0%Z).
Proof.
  intros K Fx pos some. unfold integerOf in some. rewrite K in some.
  set (scale := inverse _) in *. destruct (lt (mul (abs x) scale) limit) eqn:small; [|discriminate].
  assert (range : (0 <= integer (mul (abs x) scale) <= 2 ^ 22)%Z).
  { apply integer_range. split.
    - apply mul_nonneg; [rewrite abs_correct; apply Rabs_pos | exact pos].
    - rewrite <- toR_limit. apply lt_toR; [reflexivity | rewrite toR_limit; lra | exact small]. }
  destruct (isZero x) eqn:Z0.
  - apply isZero_toR in Z0. assert (below : lt x zero = false).
    { destruct (lt x zero) eqn:L; [|reflexivity]. apply lt_zero in L; [lra | exact Fx]. }
    rewrite below in some. injection some as <-. repeat split; intros; lra || lia.
  - assert (nonzero : toR x <> 0).
    { intros R0. destruct (zero_toR x Fx R0) as [s ->]. discriminate. }
    destruct (lt x zero) eqn:below; injection some as <-.
    + apply lt_zero in below; [|exact Fx]. repeat split; intros; lra || lia.
    + assert (0 <= toR x) by (now apply lt_false in below). repeat split; intros; lra || lia.
Qed.

Definition supportReady (c : quantization) : Prop :=
  kind c = Support /\ finiteBounds c /\ notTiny (positive c) /\ notTiny (negative c) /\
  0 <= toR (inverse (positive c)) /\ 0 <= toR (inverse (negative c)).

Theorem support_sign (c : quantization) (u x : f32) (q : Z) :
  supportReady c -> encode c u x = Integer q ->
  (toR x = 0 /\ q = 0%Z) \/
  (0 < toR x /\ (0 < q)%Z /\ 0 < toR (valueOf c u q)) \/
  (toR x < 0 /\ (q < 0)%Z /\ toR (valueOf c u q) < 0).
Proof.
  intros [K [bounds [tp [tn [ip inn]]]]] coded.
  destruct (code_sound c u x q bounds coded) as [Fx [Fy _]].
  destruct (encode_integer c u x q coded) as [some _].
  assert (inv : 0 <= toR (inverse (side c (lt x zero)))) by (unfold side; rewrite K; destruct (lt x zero); assumption).
  destruct (support_integer c u x q K Fx inv some) as [size [up [down flat]]].
  destruct (support_value_sign c u q K tp tn ltac:(lia) Fy) as [vp vn].
  destruct (total_order_T (toR x) 0) as [[neg | null] | pos].
  - right; right. auto.
  - left. auto.
  - right; left. auto.
Qed.

Theorem support_mask (c : quantization) (u x : f32) (q : Z) :
  supportReady c -> positiveBin (positive c) -> encode c u x = Integer q ->
  (0 < toR x <-> 0 < toR (valueOf c u q)) /\ (0 < toR x <-> (0 < q)%Z).
Proof.
  intros ready bins coded. pose proof ready as [K _].
  destruct (support_sign c u x q ready coded) as [[null ->] | [[pos [up val]] | [neg [down val]]]].
  - destruct (support_zero c u false K bins) as [_ ->]. change (toR zero) with 0.
    rewrite null. split; split; intros; lra || lia.
  - split; split; intros; lra || lia.
  - split; split; intros; lra || lia.
Qed.

(** ** Signs under signed *)

(** Of a finite float, the integer is its nearest, ties to even. *)
Lemma integer_nearest (x : f32) : integer (nearest x) = ZnearestE (toR x).
Proof.
  unfold integer. apply eq_IZR. rewrite Btrunc_correct by reflexivity.
  unfold nearest. rewrite (proj1 (Bnearbyint_correct 24 128 eq_refl unop_nan_pl32 mode_NE x)).
  simpl round_mode. rewrite round_generic; [|typeclasses eauto | apply generic_format_round; typeclasses eauto].
  apply round_FIX_IZR.
Qed.

(** Ties go to even, so half a step does not lead past zero. *)
Lemma nearest_half (t : R) : (- / 2 <= t -> (0 <= ZnearestE t)%Z) /\ (t <= / 2 -> (ZnearestE t <= 0)%Z).
Proof.
  assert (low : ZnearestE (- / 2) = 0%Z).
  { assert (down : Zfloor (- / 2) = (-1)%Z) by (apply Zfloor_imp; simpl; lra).
    unfold Znearest. rewrite (Zceil_floor_neq (- / 2)) by (rewrite down; lra). rewrite down. now rewrite Rcompare_Eq by lra. }
  assert (high : ZnearestE (/ 2) = 0%Z).
  { assert (down : Zfloor (/ 2) = 0%Z) by (apply Zfloor_imp; simpl; lra).
    unfold Znearest. rewrite down. now rewrite Rcompare_Eq by lra. }
  rewrite <- low at 1. rewrite <- high. split; apply Zrnd_le; typeclasses eauto.
Qed.

Lemma sum_real (x scale u : f32) : lt (abs (add (mul x scale) u)) limit = true ->
  finite x = true /\ toR (add (mul x scale) u) = rnd (rnd (toR x * toR scale) + toR u).
Proof.
  intros small. apply abs_lt_finite in small; [|reflexivity].
  rewrite (add_correct _ _ small). destruct (add_finite _ _ small) as [Fp _].
  rewrite (mul_correct _ _ Fp). now destruct (mul_finite _ _ Fp).
Qed.

Lemma signed_integer (c : quantization) (u x : f32) (q : Z) :
  kind c = Signed -> finite x = true -> 0 <= toR (inverse (side c (lt x zero))) -> Rabs (toR u) <= / 2 ->
  integerOf c u x = Some q ->
  (Z.abs q <= 2 ^ 22 + 1)%Z /\ (0 < toR x -> (0 < q)%Z) /\ (toR x < 0 -> (q < 0)%Z) /\ (toR x = 0 -> q = 0%Z).
Proof.
  intros K Fx pos small_u some. unfold integerOf in some. rewrite K in some.
  set (scale := inverse _) in *. destruct (isZero x) eqn:null.
  { apply isZero_toR in null. injection some as <-. repeat split; intros; lra || lia. }
  destruct (lt (abs _) limit) eqn:small in some; [|discriminate].
  destruct (sum_real x scale u small) as [_ real]. rewrite integer_nearest, real in some.
  set (v := rnd (toR x * toR scale)) in *.
  assert (range : (Z.abs (ZnearestE (rnd (v + toR u))) <= 2 ^ 22)%Z).
  { assert (few : Rabs (rnd (v + toR u)) < IZR (2 ^ 22)).
    { rewrite <- real, <- toR_limit, <- abs_correct. apply lt_toR; [reflexivity | rewrite toR_limit; lra | exact small]. }
    apply Rabs_lt_inv in few. apply Z.abs_le. split.
    - rewrite <- (Zrnd_IZR ZnearestE (- 2 ^ 22)). apply Zrnd_le; [typeclasses eauto | rewrite opp_IZR; lra].
    - rewrite <- (Zrnd_IZR ZnearestE (2 ^ 22)). apply Zrnd_le; [typeclasses eauto | lra]. }
  apply Rabs_le_inv in small_u.
  assert (nonzero : toR x <> 0).
  { intros R0. destruct (zero_toR x Fx R0) as [s ->]. discriminate. }
  destruct (lt x zero) eqn:below; injection some as <-.
  - apply lt_zero in below; [|exact Fx].
    assert (v <= 0) by (apply round_le_generic; try typeclasses eauto; [apply generic_format_0 | nra]).
    assert (ZnearestE (rnd (v + toR u)) <= 0)%Z
      by (apply nearest_half, round_le_generic; try typeclasses eauto; [apply F32_half | lra]).
    repeat split; intros; lra || lia.
  - assert (0 <= toR x) by (now apply lt_false in below).
    assert (0 <= v) by (apply rnd_ge; [apply generic_format_0 | now apply Rmult_le_pos]).
    assert (0 <= ZnearestE (rnd (v + toR u)))%Z
      by (apply nearest_half, rnd_ge; [apply generic_format_opp, F32_half | lra]).
    repeat split; intros; lra || lia.
Qed.

Definition signedReady (c : quantization) : Prop :=
  kind c = Signed /\ finiteBounds c /\ 0 <= toR (inverse (positive c)) /\ 0 <= toR (inverse (negative c)).

Theorem signed_sign (c : quantization) (u x : f32) (q : Z) :
  signedReady c -> Rabs (toR u) <= / 2 -> encode c u x = Integer q ->
  (toR x = 0 /\ q = 0%Z) \/ (0 < toR x /\ (0 < q)%Z) \/ (toR x < 0 /\ (q < 0)%Z).
Proof.
  intros [K [bounds [ip inn]]] small_u coded.
  destruct (code_sound c u x q bounds coded) as [Fx _].
  destruct (encode_integer c u x q coded) as [some _].
  assert (inv : 0 <= toR (inverse (side c (lt x zero)))) by (unfold side; rewrite K; destruct (lt x zero); assumption).
  destruct (signed_integer c u x q K Fx inv small_u some) as [_ [up [down flat]]].
  destruct (total_order_T (toR x) 0) as [[neg | null] | pos]; auto.
Qed.

(** A whole number less a dither that is not 0 may lie on either side of zero, but not on it. *)
Lemma centre_apart (r : Z) (u : f32) : (0 <= r <= 2 ^ 32)%Z -> finite (sub (ofI32 r) u) = true ->
  bpow radix2 (-24) <= Rabs (toR u) <= / 2 -> bpow radix2 (-24) <= Rabs (toR (sub (ofI32 r) u)).
Proof.
  intros range fin [far small_u]. rewrite (sub_correct _ _ fin).
  destruct (ofI32_correct r ltac:(lia)) as [_ ->]. destruct (Z.eq_dec r 0) as [-> | nz].
  - unfold rnd at 2. rewrite round_0 by typeclasses eauto. unfold Rminus. rewrite Rplus_0_l, rnd_opp, Rabs_Ropp.
    unfold rnd. rewrite round_generic; [exact far | typeclasses eauto | apply toR_F32].
  - assert (1 <= rnd (IZR r)) by (apply rnd_ge; [now apply (F32_small_integer 1) | apply IZR_le; lia]).
    apply Rabs_le_inv in small_u.
    assert (/ 2 <= rnd (rnd (IZR r) - toR u)) by (apply rnd_ge; [apply F32_half | lra]).
    rewrite Rabs_pos_eq by lra. apply Rle_trans with (/ 2); [simpl; lra | assumption].
Qed.

(** models src/codec/stages/quantize.ts:dequantize: when rectified, it takes max(q, 0) for q. *)
Theorem signed_mask (c : quantization) (u x : f32) (q : Z) :
  signedReady c -> bpow radix2 (-24) <= Rabs (toR u) <= / 2 -> bpow radix2 (-125) <= toR (step (positive c)) ->
  encode c u x = Integer q -> 0 < toR x <-> toR (valueOf c u (Z.max q 0)) <> 0.
Proof.
  intros ready dither wide coded. pose proof ready as [K [bounds _]].
  assert (zeros : valueOf c u 0 = zero) by (unfold valueOf; now rewrite K).
  destruct (signed_sign c u x q ready (proj2 dither) coded) as [[null ->] | [[pos up] | [neg down]]].
  - change (Z.max 0 0) with 0%Z. rewrite zeros, null. change (toR zero) with 0. lra.
  - split; [intros _ | now intros _]. rewrite Z.max_l by lia.
    destruct (code_sound c u x q bounds coded) as [Fx [Fy _]]. destruct (encode_integer c u x q coded) as [some _].
    assert (range : (Z.abs q <= 2 ^ 22 + 1)%Z).
    { unfold signedReady in ready.
      apply (signed_integer c u x q K Fx); [unfold side; rewrite K; destruct (lt x zero); tauto | tauto | exact some]. }
    unfold valueOf, side in *. rewrite K in *.
    destruct (Z.eqb_spec q 0); [lia|]. destruct (Z.ltb_spec q 0); [lia|]. destruct (Z.ltb_spec 0 q); [|lia].
    destruct (mul_finite _ _ Fy) as [Fc _]. pose proof (centre_apart (q - 1) u ltac:(lia) Fc dither) as apart.
    rewrite (mul_correct _ _ Fy). set (t := toR (sub _ u)) in *.
    intros flat. apply (f_equal Rabs) in flat. rewrite Rabs_R0 in flat. revert flat.
    apply Rgt_not_eq, Rlt_gt, Rlt_le_trans with (bpow radix2 (-149)); [apply bpow_gt_0|].
    apply abs_round_ge_generic; try typeclasses eauto; [apply generic_format_bpow'; [typeclasses eauto | now compute]|].
    rewrite Rabs_mult. change (-149)%Z with (-24 + -125)%Z. rewrite bpow_plus.
    apply Rmult_le_compat; try apply bpow_ge_0; [exact apart|]. apply Rle_trans with (1 := wide), Rle_abs.
  - rewrite Z.max_r by lia. rewrite zeros. change (toR zero) with 0. lra.
Qed.

(** ** Lossless mode

    models src/codec/stages/quantize.ts:orderedBits: the magnitude bits of negative floats flip, so that the bit patterns, read
    as signed integers, have the order of the floats. *)

Definition orderedBits (bits : Z) : Z := Z.lxor bits (Z.land (Z.shiftr bits 31) 0x7fffffff).

Theorem orderedBits_involutive (bits : Z) : orderedBits (orderedBits bits) = bits.
Proof.
  unfold orderedBits. rewrite Z.shiftr_lxor, Z.shiftr_land.
  change (Z.shiftr 0x7fffffff 31) with 0%Z. rewrite Z.land_0_r, Z.lxor_0_r.
  now rewrite Z.lxor_assoc, Z.lxor_nilpotent, Z.lxor_0_r.
Qed.
