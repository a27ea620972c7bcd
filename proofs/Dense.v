(** * Dense: dense mode's integers, there and back

    Each integer's residual is folded to z >= 0; z becomes a symbol and k low bits; symbols above what their context's table
    knows are coded as the escape and kept aside; the rest is the entropy coder's. Symbols are coded in any order in which
    a value's neighbours come first; what predictor and contexts make of those neighbours is free.

    Main results
    - [aside_back]: what was kept aside for some places of a sequence returns to them, if both sides see which places.
    - [dense_round_trip]: all 16-bit integers come back, whatever predictor, contexts, tables, low bits and lanes.

    models src/codec/dense/segment.ts:encodeSegment src/codec/dense/segment.ts:decodeSegment *)

From Coq Require Import ZArith List Bool Lia.
From Comet Require Import Predict.
From Comet Require Rans.
Import ListNotations.
Open Scope Z_scope.

(** ** Keeping things aside *)

Section Aside.
  Context {A B C : Type}.
  (** Of a value: what stays in line, whether something is set aside, and what. *)
  Variables (line : A -> B) (marked : B -> bool) (thing : A -> C) (join : B -> option C -> A).
  Definition whole (a : A) : Prop := join (line a) (if marked (line a) then Some (thing a) else None) = a.

  Definition aside (values : list A) : list C :=
    flat_map (fun a => if marked (line a) then [thing a] else []) values.

  Fixpoint back (lines : list B) (things : list C) : list A :=
    match lines with
    | [] => []
    | b :: rest =>
        if marked b then
          match things with
          | c :: things' => join b (Some c) :: back rest things'
          | [] => join b None :: back rest []
          end
        else join b None :: back rest things
    end.

  Theorem aside_back (values : list A) : Forall whole values -> back (map line values) (aside values) = values.
  Proof.
    induction 1 as [|a rest here _ IH]; [reflexivity|]. cbn [map aside flat_map back].
    unfold whole in here. destruct (marked (line a)); cbn [app]; rewrite here; f_equal; exact IH.
  Qed.
End Aside.

(** ** The whole *)

Section Dense.
  (** What is expected from the integers before; low bits; the largest symbol of the table after given symbols. *)
  Variables (guess : list Z -> Z) (k : Z).
  Hypothesis low : 0 <= k.

  (** A coded symbol is a place in a table: symbols 0 ... top, then the escape at top + 1. Its table, top and lane may
      depend on all that was coded before. *)
  Variables (tableOf : list nat -> Rans.table) (topOf : list nat -> nat) (laneOf : list nat -> nat).
  Hypothesis tables : forall past, Rans.valid (tableOf past).
  Hypothesis slots : forall past s, (s <= S (topOf past))%nat -> 0 < Rans.frequency (tableOf past) s.

  (** Symbols in line with the escape for those above the top, and these aside. *)
  Fixpoint coded (past : list nat) (symbols : list Z) : list nat * list Z :=
    match symbols with
    | [] => ([], [])
    | s :: rest =>
        let over := Z.of_nat (topOf past) <? s in
        let place := if over then S (topOf past) else Z.to_nat s in
        let '(places, large) := coded (place :: past) rest in
        (place :: places, if over then s :: large else large)
    end.

  Fixpoint uncoded (past : list nat) (places : list nat) (large : list Z) : list Z :=
    match places with
    | [] => []
    | p :: rest =>
        if Nat.eqb p (S (topOf past)) then
          match large with s :: large' => s :: uncoded (p :: past) rest large' | [] => 0 :: uncoded (p :: past) rest [] end
        else Z.of_nat p :: uncoded (p :: past) rest large
    end.

  Lemma uncoded_coded (symbols : list Z) : Forall (fun s => 0 <= s) symbols ->
    forall past, let '(places, large) := coded past symbols in
      uncoded past places large = symbols /\ length places = length symbols /\ Rans.codable tableOf past places.
  Proof.
    induction 1 as [|s rest pos _ IH]; intros past; [now cbn|]. cbn [coded].
    set (over := Z.of_nat (topOf past) <? s). set (place := if over then S (topOf past) else Z.to_nat s).
    specialize (IH (place :: past)). destruct (coded (place :: past) rest) as [places large].
    destruct IH as [same [size ok]]. cbn [uncoded length Rans.codable].
    assert (slot : 0 < Rans.frequency (tableOf past) place).
    { apply slots. unfold place, over. destruct (Z.ltb_spec (Z.of_nat (topOf past)) s); lia. }
    repeat split; auto.
    unfold place, over in *. destruct (Z.ltb_spec (Z.of_nat (topOf past)) s) as [above | within].
    - rewrite Nat.eqb_refl. now f_equal.
    - destruct (Nat.eqb_spec (Z.to_nat s) (S (topOf past))); [lia|].
      rewrite Z2Nat.id by lia. now f_equal.
  Qed.

  (** Symbols and low bits of folded residuals. *)
  Definition nonzeroSymbol (s : Z) : bool := negb (s =? 0).
  Definition residualOf (s : Z) (bits : option Z) : Z := Rans.residual k s (match bits with Some b => b | None => 0 end).

  Record segment := Segment { states : Rans.lanes; words : list Z; count : nat; large : list Z; lows : list Z }.

  Definition encode (q : list Z) : segment :=
    let z := map (zigzag 16) (predict 16 guess [] q) in
    let '(places, large) := coded [] (map (Rans.symbolOf k) z) in
    let '(states, words) := Rans.encode tableOf laneOf [] places in
    Segment states words (length q) large (aside (Rans.symbolOf k) nonzeroSymbol (Rans.lowOf k) z).

  Definition decode (s : segment) : list Z :=
    let '(places, _, _) := Rans.decode tableOf laneOf [] (count s) (states s) (words s) in
    let z := back nonzeroSymbol residualOf (uncoded [] places (large s)) (lows s) in
    restore 16 guess [] (map unzigzag z).

  (** The folded residuals that occur: zero, or at least one. *)
  Lemma residual_whole (z : Z) : 0 <= z ->
    residualOf (Rans.symbolOf k z) (if nonzeroSymbol (Rans.symbolOf k z) then Some (Rans.lowOf k z) else None) = z.
  Proof.
    intros pos. unfold residualOf, nonzeroSymbol. pose proof (Rans.divided k z low pos) as one.
    destruct (Z.eqb_spec (Rans.symbolOf k z) 0) as [null | some]; cbn [negb]; [|exact one].
    rewrite null in *. unfold Rans.residual in *. exact one.
  Qed.

  Theorem dense_round_trip (q : list Z) : Forall (signed 16) q -> decode (encode q) = q.
  Proof.
    intros range. unfold encode.
    set (r := predict 16 guess [] q). set (z := map (zigzag 16) r).
    assert (signed_r : Forall (signed 16) r) by (apply predict_signed; lia).
    assert (pos : Forall (fun v => 0 <= v) z).
    { apply Forall_forall. intros v here. apply in_map_iff in here. destruct here as [w [<- there]].
      destruct (unzigzag_zigzag 16 ltac:(lia) w (proj1 (Forall_forall _ _) signed_r w there)) as [u _].
      unfold unsigned in u. lia. }
    assert (pos_s : Forall (fun s => 0 <= s) (map (Rans.symbolOf k) z)).
    { apply Forall_forall. intros s here. apply in_map_iff in here. destruct here as [v [<- there]].
      assert (0 <= v) by exact (proj1 (Forall_forall _ _) pos v there). unfold Rans.symbolOf.
      destruct (Z.eqb_spec v 0); [lia|]. assert (0 <= (v - 1) / 2 ^ k) by (apply Z.div_pos; [|apply Z.pow_pos_nonneg]; lia). lia. }
    pose proof (uncoded_coded _ pos_s []) as line. destruct (coded [] (map (Rans.symbolOf k) z)) as [places large0].
    destruct line as [same [size ok]].
    pose proof (Rans.decode_encode tableOf laneOf tables places [] ok) as stream.
    destruct (Rans.encode tableOf laneOf [] places) as [states0 words0].
    unfold decode. cbn [states words count large lows].
    assert (n : length q = length places) by (rewrite size; unfold z, r; rewrite !map_length; symmetry; apply predict_length).
    rewrite n. destruct (Rans.decode tableOf laneOf [] (length places) states0 words0) as [[places' final] unused].
    destruct stream as [-> _]. rewrite same.
    (* fold and low bits *)
    assert (zs : back nonzeroSymbol residualOf (map (Rans.symbolOf k) z) (aside (Rans.symbolOf k) nonzeroSymbol (Rans.lowOf k) z) = z).
    { apply aside_back. eapply Forall_impl; [|exact pos]. exact residual_whole. }
    rewrite zs. unfold z. rewrite map_map, (map_ext_in _ (fun v => v)), map_id.
    - unfold r. now apply restore_predict.
    - intros v here. exact (proj2 (unzigzag_zigzag 16 ltac:(lia) v (proj1 (Forall_forall _ _) signed_r v here))).
  Qed.
End Dense.
