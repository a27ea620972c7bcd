(** * Rans: the entropy coder of dense mode is lossless

    rANS keeps one integer x a lane. Coding a symbol of frequency f (of 2^11) multiplies x by about 2^11/f, so the number
    of bits grows by log2(2^11/f), the symbol's information; decoding reads the symbol off x mod 2^11 and divides it out
    again. To stay within 32 bits the low half of x is given away as a 16-bit word before a step that would overflow. The
    encoder runs from the last symbol to the first, so the decoder runs forwards and takes the words in order. Eight lanes
    share one sequence of words; which lane gave a word away need not be written, because the decoder's state tells.

    Tables may depend on everything decoded so far (contexts): both sides know it.

    models src/codec/stages/rans.ts:encodeSymbols src/codec/stages/rans.ts:decoderOf

    Main results
    - [step_inverse]: one step and its inverse, for any state.
    - [lookup_start]: the slots tell the symbol.
    - [push_range], [state_range]: states stay in [2^16, 2^32), and the decoder takes a word exactly where one was given.
    - [decode_encode]: any sequence of symbols with non-zero frequencies, under any contexts and any assignment to lanes,
      comes back; all words are used and every lane ends where its encoder began, at 2^16.
    - [divided]: the low bits that dense mode keeps aside: residual z is symbol 0, or 1 + ((z - 1) >> k) and k bits.
    - [open_close]: the renumbering where 0 is left out (gapless). *)

From Coq Require Import ZArith List Bool Lia.
Import ListNotations.
Open Scope Z_scope.

Definition total : Z := 2 ^ 11.
Definition least : Z := 2 ^ 16.
Definition state (x : Z) : Prop := least <= x < 2 ^ 32.

(** ** One step *)

Definition push (f start x : Z) : Z := x / f * total + x mod f + start.
Definition pull (f start x : Z) : Z := f * (x / total) + x mod total - start.

Lemma push_split (f start x : Z) : 0 < f -> 0 <= start -> start + f <= total ->
  push f start x / total = x / f /\ push f start x mod total = x mod f + start.
Proof.
  intros pos low high. unfold push. pose proof (Z.mod_pos_bound x f pos). unfold total in *.
  split.
  - symmetry. apply Z.div_unique with (r := x mod f + start); lia.
  - symmetry. apply Z.mod_unique with (q := x / f); lia.
Qed.

Theorem step_inverse (f start x : Z) : 0 < f -> 0 <= start -> start + f <= total -> pull f start (push f start x) = x.
Proof.
  intros pos low high. unfold pull. destruct (push_split f start x pos low high) as [-> ->].
  pose proof (Z.div_mod x f ltac:(lia)). lia.
Qed.

(** ** Tables: frequencies of symbols 0, 1, 2 ... with sum 2^11 *)

Definition table := list Z.
Definition sum : list Z -> Z := fold_right Z.add 0.
Definition valid (t : table) : Prop := Forall (fun f => 0 <= f) t /\ sum t = total.

Definition frequency (t : table) (s : nat) : Z := nth s t 0.
Definition start (t : table) (s : nat) : Z := sum (firstn s t).

Fixpoint lookup (t : table) (slot : Z) : nat :=
  match t with [] => O | f :: rest => if slot <? f then O else S (lookup rest (slot - f)) end.

Lemma sum_nonneg t : Forall (fun f => 0 <= f) t -> 0 <= sum t.
Proof. induction 1; simpl; lia. Qed.

Theorem lookup_start (t : table) (s : nat) (r : Z) :
  Forall (fun f => 0 <= f) t -> 0 <= r < frequency t s -> lookup t (start t s + r) = s.
Proof.
  intros pos. revert s. unfold frequency, start. induction pos as [|f rest here more IH]; intros s range.
  - destruct s; simpl in range; lia.
  - destruct s as [|s]; simpl in *.
    + destruct (Z.ltb_spec r f); lia.
    + assert (0 <= sum (firstn s rest)).
      { apply sum_nonneg. rewrite <- (firstn_skipn s rest) in more. now apply Forall_app in more. }
      destruct (Z.ltb_spec (f + sum (firstn s rest) + r) f); [lia|].
      f_equal. replace (f + sum (firstn s rest) + r - f) with (sum (firstn s rest) + r) by ring. now apply IH.
Qed.

Lemma start_range (t : table) (s : nat) : valid t ->
  0 <= start t s /\ start t s + frequency t s <= total /\ 0 <= frequency t s.
Proof.
  intros [pos all]. rewrite <- all. clear all. unfold start, frequency. revert s.
  induction pos as [|f rest here more IH]; intros s; destruct s as [|s]; simpl; try lia.
  - pose proof (sum_nonneg rest more). lia.
  - specialize (IH s). lia.
Qed.

(** ** Giving the low half away, and taking it back *)

Definition give (f x : Z) : Z * list Z := if x >=? f * 2 ^ 21 then (x / 2 ^ 16, [x mod 2 ^ 16]) else (x, []).

Definition take (x : Z) (words : list Z) : Z * list Z :=
  if x <? least then match words with w :: rest => (x * 2 ^ 16 + w, rest) | [] => (x * 2 ^ 16, []) end else (x, words).

Theorem push_range (f st x : Z) : 0 < f -> 0 <= st -> st + f <= total -> state x -> state (push f st (fst (give f x))).
Proof.
  intros pos low high [bottom top]. unfold give, state, push, least, total in *.
  destruct (Z.geb_spec x (f * 2 ^ 21)) as [large | small]; cbn [fst].
  - set (y := x / 2 ^ 16). assert (f * 2 ^ 5 <= y) by (apply Z.div_le_lower_bound; lia).
    assert (y < 2 ^ 16) by (apply Z.div_lt_upper_bound; lia).
    pose proof (Z.mod_pos_bound y f pos).
    assert (2 ^ 5 <= y / f) by (apply Z.div_le_lower_bound; lia).
    assert (y / f < 2 ^ 16 + 1) by (apply Z.div_lt_upper_bound; nia).
    nia.
  - pose proof (Z.mod_pos_bound x f pos).
    assert (2 ^ 5 <= x / f) by (apply Z.div_le_lower_bound; nia).
    assert (x / f < 2 ^ 21) by (apply Z.div_lt_upper_bound; lia).
    nia.
Qed.

Lemma take_give (f x : Z) (words : list Z) : 0 < f <= total -> state x ->
  let '(y, given) := give f x in take y (given ++ words) = (x, words).
Proof.
  intros range [bottom top]. unfold give, take, least, total in *.
  destruct (Z.geb_spec x (f * 2 ^ 21)) as [large | small]; cbn [app].
  - assert (x / 2 ^ 16 < 2 ^ 16) by (apply Z.div_lt_upper_bound; lia).
    destruct (Z.ltb_spec (x / 2 ^ 16) (2 ^ 16)); [|lia].
    f_equal. pose proof (Z.div_mod x (2 ^ 16) ltac:(lia)). lia.
  - destruct (Z.ltb_spec x (2 ^ 16)); [lia | reflexivity].
Qed.

(** ** Sequences *)

Section Stream.
  (** What both sides know when a symbol is coded is the symbols before it: its table, and its lane. *)
  Variables (tableOf : list nat -> table) (laneOf : list nat -> nat).
  Hypothesis tables : forall past, valid (tableOf past).

  Definition lanes := nat -> Z.
  Definition fresh : lanes := fun _ => least.
  Definition set_ (l : lanes) (j : nat) (x : Z) : lanes := fun k => if Nat.eqb k j then x else l k.

  (** The states and words from which [symbols] are decoded after [past]. *)
  Fixpoint encode (past : list nat) (symbols : list nat) : lanes * list Z :=
    match symbols with
    | [] => (fresh, [])
    | s :: rest =>
        let '(l, words) := encode (s :: past) rest in
        let t := tableOf past in
        let j := laneOf past in
        let '(x, given) := give (frequency t s) (l j) in
        (set_ l j (push (frequency t s) (start t s) x), given ++ words)
    end.

  Fixpoint decode (past : list nat) (count : nat) (l : lanes) (words : list Z) : list nat * lanes * list Z :=
    match count with
    | O => ([], l, words)
    | S count' =>
        let t := tableOf past in
        let j := laneOf past in
        let s := lookup t (l j mod total) in
        let '(x, words') := take (pull (frequency t s) (start t s) (l j)) words in
        let '(symbols, l', unused) := decode (s :: past) count' (set_ l j x) words' in
        (s :: symbols, l', unused)
    end.

  (** Every symbol must have a slot in its table. *)
  Fixpoint codable (past : list nat) (symbols : list nat) : Prop :=
    match symbols with [] => True | s :: rest => 0 < frequency (tableOf past) s /\ codable (s :: past) rest end.

  Theorem state_range (symbols : list nat) : forall past, codable past symbols -> forall j, state (fst (encode past symbols) j).
  Proof.
    induction symbols as [|s rest IH]; intros past ok j; [unfold state; simpl; unfold fresh, least; lia|].
    destruct ok as [some more]. specialize (IH (s :: past) more). simpl.
    destruct (encode (s :: past) rest) as [l words]. cbn [fst] in IH.
    destruct (give (frequency (tableOf past) s) (l (laneOf past))) as [x given] eqn:G. cbn [fst]. unfold set_.
    destruct (Nat.eqb j (laneOf past)); [|apply IH].
    destruct (start_range (tableOf past) s (tables past)) as [low [high _]].
    replace x with (fst (give (frequency (tableOf past) s) (l (laneOf past)))) by now rewrite G.
    now apply push_range.
  Qed.

  (** Lanes are functions: the decoder ends with lanes that agree everywhere. *)
  Lemma decode_ext (count : nat) : forall past l l' words, (forall j, l j = l' j) ->
    let '(a, m, u) := decode past count l words in
    let '(b, m', v) := decode past count l' words in a = b /\ u = v /\ forall j, m j = m' j.
  Proof.
    induction count as [|count IH]; intros past l l' words same; simpl; [auto|].
    rewrite <- (same (laneOf past)).
    destruct (take _ words) as [x words'].
    specialize (IH (lookup (tableOf past) (l (laneOf past) mod total) :: past)
      (set_ l (laneOf past) x) (set_ l' (laneOf past) x) words').
    destruct (decode _ count (set_ l _ x) words') as [[a m] u].
    destruct (decode _ count (set_ l' _ x) words') as [[b m'] v].
    destruct IH as [-> [-> ext]].
    - intros j. unfold set_. destruct (Nat.eqb j (laneOf past)); auto.
    - auto.
  Qed.

  Theorem decode_encode (symbols : list nat) : forall past, codable past symbols ->
    let '(l, words) := encode past symbols in
    let '(back, final, unused) := decode past (length symbols) l words in
    back = symbols /\ unused = [] /\ forall j, final j = least.
  Proof.
    induction symbols as [|s rest IH]; intros past ok; [simpl; auto|].
    destruct ok as [some more]. specialize (IH (s :: past) more).
    pose proof (state_range rest (s :: past) more (laneOf past)) as range.
    cbn [encode length]. destruct (encode (s :: past) rest) as [l words]. cbn [fst] in range.
    set (t := tableOf past). set (j := laneOf past) in *. set (f := frequency t s). set (st := start t s).
    destruct (start_range t s (tables past)) as [low [high _]]. fold f st in low, high.
    assert (pos : 0 < f) by exact some.
    pose proof (take_give f (l j) words ltac:(lia) range) as again.
    destruct (give f (l j)) as [x given].
    cbn [decode]. fold t j.
    assert (slot : lookup t (set_ l j (push f st x) j mod total) = s).
    { unfold set_. rewrite Nat.eqb_refl. destruct (push_split f st x) as [_ ->]; try assumption.
      rewrite Z.add_comm. apply lookup_start; [apply (tables past)|]. apply Z.mod_pos_bound. exact some. }
    rewrite slot. fold f st.
    replace (pull f st (set_ l j (push f st x) j)) with x
      by (unfold set_; rewrite Nat.eqb_refl; symmetry; now apply step_inverse).
    rewrite again.
    pose proof (decode_ext (length rest) (s :: past) (set_ (set_ l j (push f st x)) j (l j)) l words) as ext.
    destruct (decode (s :: past) (length rest) (set_ (set_ l j (push f st x)) j (l j)) words) as [[a m] u].
    destruct (decode (s :: past) (length rest) l words) as [[b m'] v].
    destruct ext as [-> [-> same]].
    { intros k. unfold set_. destruct (Nat.eqb_spec k j) as [-> | _]; reflexivity. }
    destruct IH as [-> [-> end_]]. repeat split. intros k. now rewrite same.
  Qed.
End Stream.

(** ** Symbols and low bits

    models src/codec/dense/model.ts:symbolOf *)

Definition symbolOf (k z : Z) : Z := if z =? 0 then 0 else 1 + (z - 1) / 2 ^ k.
Definition lowOf (k z : Z) : Z := (z - 1) mod 2 ^ k.
Definition residual (k symbol low : Z) : Z := if symbol =? 0 then 0 else (symbol - 1) * 2 ^ k + low + 1.

Theorem divided (k z : Z) : 0 <= k -> 0 <= z -> residual k (symbolOf k z) (lowOf k z) = z.
Proof.
  intros wide pos. unfold residual, symbolOf, lowOf.
  destruct (Z.eqb_spec z 0) as [-> | some]; [reflexivity|].
  assert (0 < 2 ^ k) by (apply Z.pow_pos_nonneg; lia).
  assert (0 <= (z - 1) / 2 ^ k) by (apply Z.div_pos; lia).
  destruct (Z.eqb_spec (1 + (z - 1) / 2 ^ k) 0); [lia|].
  pose proof (Z.div_mod (z - 1) (2 ^ k) ltac:(lia)). lia.
Qed.

(** ** Without a gap at zero *)

Definition close (q : Z) : Z := if 0 <? q then q - 1 else q.
Definition open (r : Z) : Z := if 0 <=? r then r + 1 else r.

Theorem open_close (q : Z) : q <> 0 -> open (close q) = q.
Proof. intros some. unfold open, close. destruct (Z.ltb_spec 0 q), (Z.leb_spec 0 (q - 1)); try lia; destruct (Z.leb_spec 0 q); lia. Qed.
