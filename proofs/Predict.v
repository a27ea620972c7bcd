(** * Predict: the codec's arithmetic on integers is a bijection

    After quantisation everything is exact. A predictor guesses each integer from those already known; the encoder
    writes the residual, the decoder adds the guess back. Then zigzag folds the sign away so that small magnitudes
    of either sign become small unsigned numbers. Registers have 16 or 32 bits and wrap: a difference may overflow,
    and the sum still comes back, because both are taken modulo 2^bits.

    Main results
    - [restore_predict], [predict_restore]: for *every* causal guess (any function of the values decoded so far)
      values and residuals determine each other. None, left, up, 2-D Lorenzo ([guess]) and MED ([med]) are
      instances; a predictor needs no proof of its own to be lossless.
    - [scan_restore]: the decoder that runs (one running sum along the sequence, then the value above is added)
      computes the same as the textbook inverse of v - left - up + corner.
    - [lane_median]: dense mode's median predictor is MED wherever its sums fit 16 bits.
    - [med_is_clamp]: MED, the median of left, up and left + up - corner, is that last value clamped between the others.
    - [unzigzag_zigzag], [zigzag_unzigzag]: the bit trick (n << 1) ^ (n >> bits-1) is a bijection between signed and
      unsigned registers; [zigzag_value] says which: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ... *)

From Coq Require Import ZArith List Bool Lia.
Import ListNotations.
Open Scope Z_scope.

Section Registers.
  Variable bits : Z.
  Hypothesis some : 1 <= bits.

  Definition half : Z := 2 ^ (bits - 1).
  Definition signed (z : Z) : Prop := - half <= z < half.
  Definition unsigned (z : Z) : Prop := 0 <= z < 2 * half.

  (** Two's complement: the representative of z modulo 2^bits in [-half, half). *)
  Definition wrap (z : Z) : Z := (z + half) mod (2 * half) - half.

  Lemma half_pos : 0 < half.
  Proof. unfold half. apply Z.pow_pos_nonneg; lia. Qed.

  Lemma modulus : 2 ^ bits = 2 * half.
  Proof. unfold half. rewrite <- Z.pow_succ_r by lia. f_equal. lia. Qed.

  Lemma wrap_signed z : signed (wrap z).
  Proof. unfold wrap, signed. pose proof half_pos. pose proof (Z.mod_pos_bound (z + half) (2 * half)). lia. Qed.

  Lemma wrap_id z : signed z -> wrap z = z.
  Proof. unfold wrap, signed; intros. rewrite Z.mod_small; lia. Qed.

  Lemma wrap_add_l a b : wrap (wrap a + b) = wrap (a + b).
  Proof.
    unfold wrap. f_equal.
    replace ((a + half) mod (2 * half) - half + b + half) with ((a + half) mod (2 * half) + b) by ring.
    rewrite Zplus_mod_idemp_l. f_equal. ring.
  Qed.

  Lemma wrap_sub_l a b : wrap (wrap a - b) = wrap (a - b).
  Proof. exact (wrap_add_l a (- b)). Qed.

  (** ** Any causal guess

      [past] holds the values decoded so far, nearest first. Residuals leave the encoder, values the decoder.

      models src/codec/stages/predict.ts:predict *)

  Fixpoint predict (guess : list Z -> Z) (past values : list Z) : list Z :=
    match values with
    | [] => []
    | v :: rest => wrap (v - guess past) :: predict guess (v :: past) rest
    end.

  Fixpoint restore (guess : list Z -> Z) (past residuals : list Z) : list Z :=
    match residuals with
    | [] => []
    | r :: rest => let v := wrap (r + guess past) in v :: restore guess (v :: past) rest
    end.

  Theorem restore_predict (guess : list Z -> Z) (values : list Z) :
    Forall signed values -> forall past, restore guess past (predict guess past values) = values.
  Proof.
    induction 1 as [|v rest here _ IH]; intros past; simpl; [reflexivity|].
    rewrite wrap_add_l. replace (v - guess past + guess past) with v by ring.
    rewrite (wrap_id v here). now f_equal.
  Qed.

  Theorem predict_restore (guess : list Z -> Z) (residuals : list Z) :
    Forall signed residuals -> forall past, predict guess past (restore guess past residuals) = residuals.
  Proof.
    induction 1 as [|r rest here _ IH]; intros past; simpl; [reflexivity|].
    rewrite wrap_sub_l. replace (r + guess past - guess past) with r by ring.
    rewrite (wrap_id r here). now f_equal.
  Qed.

  Lemma predict_signed guess past values : Forall signed (predict guess past values).
  Proof. revert past; induction values; simpl; constructor; auto using wrap_signed. Qed.

  Lemma predict_length guess past values : length (predict guess past values) = length values.
  Proof. revert past; induction values; simpl; auto. Qed.

  (** ** The decoder that runs

      One sequence, [lag] to the value above; what lies before the sequence counts as 0. The two flags are the bits
      of the predictor's number: 0 none, 1 left, 2 up, 3 Lorenzo.

      models src/codec/stages/predict.ts:restore *)

  Section Lag.
    Variables (horizontal vertical : bool) (lag : nat).

    Definition left (past : list Z) : Z := if horizontal then nth 0 past 0 else 0.
    Definition up (past : list Z) : Z := if vertical then nth (lag - 1) past 0 else 0.
    Definition corner (past : list Z) : Z := if horizontal && vertical then nth lag past 0 else 0.
    Definition guess (past : list Z) : Z := left past + up past - corner past.

    Fixpoint scan (sum : Z) (past residuals : list Z) : list Z :=
      match residuals with
      | [] => []
      | r :: rest =>
          let sum := if horizontal then wrap (sum + r) else r in
          let v := wrap (sum + up past) in
          v :: scan sum (v :: past) rest
      end.

    Lemma scan_no_sum s t past residuals : horizontal = false -> scan s past residuals = scan t past residuals.
    Proof. intros H. destruct residuals; simpl; [reflexivity|]. now rewrite H. Qed.

    (** The running sum is always left - corner: the last value, less the one above it. *)
    Lemma scan_from (residuals : list Z) :
      (1 <= lag)%nat -> forall past, scan (wrap (left past - corner past)) past residuals = restore guess past residuals.
    Proof.
      intros above. induction residuals as [|r rest IH]; intros past; [reflexivity|].
      cbn [scan restore]. destruct horizontal eqn:H.
      - rewrite (wrap_add_l (left past - corner past) r). set (s := left past - corner past + r).
        assert (value : wrap (wrap s + up past) = wrap (r + guess past)).
        { rewrite wrap_add_l. f_equal. unfold s, guess. ring. }
        rewrite value. f_equal. rewrite <- IH. f_equal.
        rewrite <- value. set (v := wrap (wrap s + up past)).
        replace (left (v :: past) - corner (v :: past)) with (v - up past).
        + unfold v. rewrite wrap_sub_l. replace (wrap s + up past - up past) with (wrap s) by ring.
          symmetry. apply wrap_id, wrap_signed.
        + unfold left, corner, up. rewrite H. cbn [andb nth].
          destruct vertical; [|ring]. destruct lag as [|n]; [lia|]. cbn [nth]. now rewrite Nat.sub_succ, Nat.sub_0_r.
      - replace (r + guess past) with (r + up past) by (unfold guess, left, corner; rewrite H; simpl; ring).
        f_equal. rewrite <- IH. now apply scan_no_sum.
    Qed.

    Theorem scan_restore (residuals : list Z) :
      (1 <= lag)%nat -> scan 0 [] residuals = restore guess [] residuals.
    Proof.
      intros above. rewrite <- scan_from by exact above. f_equal.
      replace (left [] - corner []) with 0
        by (unfold left, corner; destruct horizontal, vertical, lag; reflexivity).
      symmetry. apply wrap_id. unfold signed. pose proof half_pos. lia.
    Qed.

    Theorem scan_predict (values : list Z) :
      (1 <= lag)%nat -> Forall signed values -> scan 0 [] (predict guess [] values) = values.
    Proof. intros. rewrite scan_restore by assumption. now apply restore_predict. Qed.
  End Lag.

  (** ** Zigzag

      models src/codec/stages/predict.ts:zigzag src/codec/stages/predict.ts:unzigzag *)

  Definition zigzag (n : Z) : Z := Z.lxor (Z.shiftl n 1) (Z.shiftr n (bits - 1)) mod 2 ^ bits.
  Definition unzigzag (u : Z) : Z := Z.lxor (Z.shiftr u 1) (- Z.land u 1).

  Lemma shiftr_sign n : signed n -> Z.shiftr n (bits - 1) = if n <? 0 then -1 else 0.
  Proof.
    unfold signed; intros. rewrite Z.shiftr_div_pow2 by lia. fold half.
    destruct (Z.ltb_spec n 0).
    - symmetry. apply Z.div_unique with (r := n + half); lia.
    - apply Z.div_small. lia.
  Qed.

  Lemma lxor_m1 a : Z.lxor a (-1) = - a - 1.
  Proof. rewrite Z.lxor_m1_r. unfold Z.lnot. lia. Qed.

  Theorem zigzag_value (n : Z) : signed n -> zigzag n = if n <? 0 then - 2 * n - 1 else 2 * n.
  Proof.
    intros range. unfold zigzag. rewrite shiftr_sign, Z.shiftl_mul_pow2, modulus by (assumption || lia).
    unfold signed in range. destruct (Z.ltb_spec n 0).
    - rewrite lxor_m1, Z.mod_small; lia.
    - rewrite Z.lxor_0_r, Z.mod_small; lia.
  Qed.

  Lemma unzigzag_even k : unzigzag (2 * k) = k.
  Proof.
    unfold unzigzag. rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 1) with 2.
    rewrite Z.mul_comm, Z.div_mul by lia.
    change 1 with (Z.ones 1) at 1. rewrite Z.land_ones by lia. change (2 ^ 1) with 2.
    rewrite Z.mod_mul by lia. apply Z.lxor_0_r.
  Qed.

  Lemma unzigzag_odd k : unzigzag (2 * k + 1) = - k - 1.
  Proof.
    unfold unzigzag. rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 1) with 2.
    change (Z.land (2 * k + 1) 1) with (Z.land (2 * k + 1) (Z.ones 1)). rewrite Z.land_ones by lia. change (2 ^ 1) with 2.
    replace (2 * k + 1) with (1 + k * 2) by ring.
    rewrite Z.div_add, Z.mod_add by lia. change (1 / 2) with 0. change (1 mod 2) with 1.
    rewrite lxor_m1. ring.
  Qed.

  Theorem unzigzag_zigzag (n : Z) : signed n -> unsigned (zigzag n) /\ unzigzag (zigzag n) = n.
  Proof.
    intros range. rewrite zigzag_value by assumption. unfold signed in range.
    destruct (Z.ltb_spec n 0); split; try (unfold unsigned; lia).
    - replace (- 2 * n - 1) with (2 * (- n - 1) + 1) by ring. rewrite unzigzag_odd. ring.
    - apply unzigzag_even.
  Qed.

  Theorem zigzag_unzigzag (u : Z) : unsigned u -> signed (unzigzag u) /\ zigzag (unzigzag u) = u.
  Proof.
    unfold unsigned; intros range.
    destruct (Z.Even_or_Odd u) as [[k ->] | [k ->]].
    - rewrite unzigzag_even. assert (here : signed k) by (unfold signed; lia). split; [exact here|].
      rewrite zigzag_value by exact here. destruct (Z.ltb_spec k 0); lia.
    - rewrite unzigzag_odd. assert (here : signed (- k - 1)) by (unfold signed; lia). split; [exact here|].
      rewrite zigzag_value by exact here. destruct (Z.ltb_spec (- k - 1) 0); lia.
  Qed.
End Registers.

(** ** MED, the predictor of JPEG-LS, for a corner c between left a and up b *)

Definition med (a b c : Z) : Z :=
  if Z.max a b <=? c then Z.min a b else if c <=? Z.min a b then Z.max a b else a + b - c.

Theorem med_is_clamp (a b c : Z) : med a b c = Z.max (Z.min a b) (Z.min (Z.max a b) (a + b - c)).
Proof. unfold med. destruct (Z.leb_spec (Z.max a b) c), (Z.leb_spec c (Z.min a b)); lia. Qed.

(** ** What dense mode expects within a lane of rows

    models src/codec/stages/predict.ts:expect. One more causal guess: [restore_predict] needs nothing else of it. Left of a row
    stands what is above it; the first row knows its left neighbour alone. *)

Definition laneGuess (width : nat) (predictor : Z) (past : list Z) : Z :=
  let i := length past in
  let x := Nat.modulo i width in
  let below := Nat.leb width i in
  let up := if below then nth (width - 1) past 0 else nth 0 past 0 in
  let left := if Nat.ltb 0 x then nth 0 past 0 else up in
  let corner := if below && Nat.ltb 0 x then nth width past 0 else up in
  let plane := wrap 16 (wrap 16 (left + up) - corner) in
  let median := Z.max (Z.min left up) (Z.min (Z.max left up) plane) in
  if (predictor =? 0) || Nat.eqb i 0 then 0
  else if predictor =? 1 then left
  else if predictor =? 2 then up
  else if predictor =? 3 then median
  else Z.shiftr (wrap 16 (median + Z.shiftr (wrap 16 (left + up)) 1)) 1.

(** Where left + up - corner fits the register, the third is MED. *)
Theorem lane_median (width : nat) (past : list Z) (left up corner : Z) :
  (width <= length past)%nat -> (0 < Nat.modulo (length past) width)%nat ->
  nth 0 past 0 = left -> nth (width - 1) past 0 = up -> nth width past 0 = corner ->
  signed 16 (left + up) -> signed 16 (left + up - corner) ->
  laneGuess width 3 past = med left up corner.
Proof.
  intros tall inside <- <- <- sum plane. unfold laneGuess.
  destruct (Nat.eqb_spec (length past) 0) as [none | _]; [rewrite none in inside; destruct width; simpl in *; lia|].
  rewrite (proj2 (Nat.leb_le _ _) tall), (proj2 (Nat.ltb_lt _ _) inside). cbn [orb andb Z.eqb].
  change (3 =? 0) with false. change (3 =? 1) with false. change (3 =? 2) with false. change (3 =? 3) with true. cbn [orb].
  rewrite med_is_clamp, (wrap_id 16 _ sum), (wrap_id 16 _ plane). reflexivity.
Qed.

(** ** Half steps

    Of a floor f and the next integer, the one at an even distance from what is expected; half that distance is kept.

    models src/codec/stages/predict.ts:inHalves *)

Definition chosen (f e : Z) : Z := f + (f - e) mod 2.
Definition halvedResidual (f e : Z) : Z := Z.shiftr (wrap 16 (chosen f e - e)) 1.

Theorem chosen_beside (f e : Z) : f <= chosen f e <= f + 1.
Proof. unfold chosen. pose proof (Z.mod_pos_bound (f - e) 2). lia. Qed.

Theorem halves_back (f e : Z) : signed 16 (chosen f e) -> wrap 16 (e + 2 * halvedResidual f e) = chosen f e.
Proof.
  intros fits. unfold halvedResidual.
  assert (even : (chosen f e - e) mod 2 = 0).
  { unfold chosen. replace (f + (f - e) mod 2 - e) with ((f - e) + (f - e) mod 2) by ring.
    rewrite Zplus_mod_idemp_r. replace (f - e + (f - e)) with ((f - e) * 2) by ring. apply Z.mod_mul. lia. }
  set (q := chosen f e) in *. unfold signed, wrap, half in *. change (2 ^ (16 - 1)) with 32768 in *.
  rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 1) with 2.
  Ltac halve := Z.div_mod_to_equations; lia.
  halve.
Qed.

(** ** Zeros apart

    The folded residual of an integer 0 that was not expected is 1; those of other integers are one more than they were, but 0
    stays 0. Dense mode's low bits are those of the residual before that: see [Rans.divided].

    models src/codec/stages/predict.ts:apart *)

Definition apart (z q : Z) : Z := if z =? 0 then 0 else if q =? 0 then 1 else z + 1.
Definition rejoin (e s : Z) : Z := if s =? 1 then 0 else wrap 16 (unzigzag (Z.max 0 (s - 1)) + e).

Theorem apart_back (e q : Z) : signed 16 q -> rejoin e (apart (zigzag 16 (wrap 16 (q - e))) q) = q.
Proof.
  intros range. destruct (unzigzag_zigzag 16 ltac:(lia) (wrap 16 (q - e)) (wrap_signed 16 ltac:(lia) _)) as [pos back].
  assert (whole : wrap 16 (unzigzag (zigzag 16 (wrap 16 (q - e))) + e) = q).
  { rewrite back, wrap_add_l. replace (q - e + e) with q by ring. now apply wrap_id. }
  set (z := zigzag 16 (wrap 16 (q - e))) in *. unfold unsigned in pos. unfold apart, rejoin.
  destruct (Z.eqb_spec z 0) as [null | some].
  - cbn [Z.eqb]. replace (Z.max 0 (0 - 1)) with z by lia. exact whole.
  - destruct (Z.eqb_spec q 0) as [zero | other]; [now cbn|].
    destruct (Z.eqb_spec (z + 1) 1); [lia|]. replace (Z.max 0 (z + 1 - 1)) with z by lia. exact whole.
Qed.
