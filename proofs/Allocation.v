(** * Allocation: how to spread a budget of gradient noise over layers

    Layer l keeps n_l values and adds gradient noise c_l eb_l^2. Halving eb costs one bit a value, so the bits that a
    choice of bounds takes are, up to a constant, - sum n_l log2 eb_l. Which bounds use the fewest bits for a total noise
    B? Reverse water-filling: noise in proportion to the values that pay for it,

        c_l eb_l^2 = B n_l / sum n.

    Equal noise in every layer is best only where all layers have equally many values.

    Main results
    - [best_feasible]: these bounds use up the budget exactly.
    - [best_optimal]: every other choice within the budget takes at least as many bits.
    - [best_unique]: and as many only if it is the same choice.
    - [saving]: the bits saved against any feasible choice are at least sum n_l (t - 1 - ln t)/2 / ln 2, t = eb^2/best^2. *)

From Coq Require Import Reals List Lra.
From Comet Require Import Gradient.
Import ListNotations.
Open Scope R_scope.

(** The whole proof rests on one inequality: the logarithm lies below its tangent at 1. *)
Lemma ln_below (t : R) : 0 < t -> ln t <= t - 1.
Proof.
  intros pos. pose proof (exp_ineq1_le (ln t)) as above. rewrite exp_ln in above by exact pos. lra.
Qed.

Lemma ln_below_strict (t : R) : 0 < t -> t <> 1 -> ln t < t - 1.
Proof.
  intros pos other. assert (ln t <> 0).
  { intros zero. apply other. rewrite <- (exp_ln t pos), zero. apply exp_0. }
  pose proof (exp_ineq1 (ln t) H) as above. rewrite exp_ln in above by exact pos. lra.
Qed.

Section Layers.
  Context {L : Type}.
  Variables (layers : list L) (n c : L -> R) (B : R).
  Hypothesis n_pos : forall l, In l layers -> 0 < n l.
  Hypothesis c_pos : forall l, In l layers -> 0 < c l.
  Hypothesis B_pos : 0 < B.
  Hypothesis some : layers <> [].

  Definition total : R := sum layers n.
  Definition noise (eb : L -> R) : R := sum layers (fun l => c l * (eb l * eb l)).
  (** Natural-log units: the saved bits are this over ln 2. *)
  Definition slack (eb : L -> R) : R := sum layers (fun l => n l * ln (eb l)).
  Definition best (l : L) : R := sqrt (B * n l / (c l * total)).

  Lemma total_pos : 0 < total.
  Proof.
    unfold total. destruct layers as [|l rest]; [contradiction|]. simpl.
    assert (0 < n l) by (apply n_pos; simpl; auto).
    assert (0 <= sum rest n) by (apply sum_nonneg; intros; apply Rlt_le, n_pos; simpl; auto). lra.
  Qed.

  Lemma best_square l : In l layers -> best l * best l = B * n l / (c l * total).
  Proof.
    intros here. apply sqrt_sqrt. pose proof total_pos. pose proof (n_pos l here). pose proof (c_pos l here).
    apply Rlt_le, Rdiv_lt_0_compat; now apply Rmult_lt_0_compat.
  Qed.

  Lemma best_pos l : In l layers -> 0 < best l.
  Proof.
    intros here. apply sqrt_lt_R0. pose proof total_pos. pose proof (n_pos l here). pose proof (c_pos l here).
    apply Rdiv_lt_0_compat; now apply Rmult_lt_0_compat.
  Qed.

  Theorem best_feasible : noise best = B.
  Proof.
    pose proof total_pos. unfold noise.
    rewrite (sum_ext _ _ (fun l => (B / total) * n l)).
    - rewrite sum_scale. fold total. field. lra.
    - intros l here. rewrite best_square by exact here. pose proof (c_pos l here). field. lra.
  Qed.

  (** eb^2 in units of the best. *)
  Definition ratio (eb : L -> R) (l : L) : R := (eb l * eb l) / (best l * best l).

  Lemma ratio_pos eb l : In l layers -> 0 < eb l -> 0 < ratio eb l.
  Proof. intros here pos. pose proof (best_pos l here). apply Rdiv_lt_0_compat; now apply Rmult_lt_0_compat. Qed.

  Lemma ln_ratio eb l : In l layers -> 0 < eb l -> ln (ratio eb l) = 2 * (ln (eb l) - ln (best l)).
  Proof.
    intros here pos. pose proof (best_pos l here). unfold ratio.
    assert (0 < best l * best l) by now apply Rmult_lt_0_compat.
    unfold Rdiv. rewrite ln_mult by (try apply Rinv_0_lt_compat; try apply Rmult_lt_0_compat; assumption).
    rewrite ln_Rinv, !ln_mult by assumption. ring.
  Qed.

  (** Within the budget, the n-weighted mean of the ratios is at most 1. *)
  Lemma ratios_within eb : (forall l, In l layers -> 0 < eb l) -> noise eb <= B ->
    sum layers (fun l => n l * (ratio eb l - 1)) <= 0.
  Proof.
    intros pos within. pose proof total_pos.
    rewrite (sum_ext _ _ (fun l => (total / B) * (c l * (eb l * eb l)) - n l)).
    - rewrite sum_minus, sum_scale. fold (noise eb) total.
      assert (total / B * noise eb <= total / B * B)
        by (apply Rmult_le_compat_l; [apply Rlt_le, Rdiv_lt_0_compat|]; assumption).
      replace (total / B * B) with total in H0 by (field; lra). lra.
    - intros l here. pose proof (n_pos l here). pose proof (c_pos l here). unfold ratio.
      rewrite best_square by exact here. field. lra.
  Qed.

  Lemma slack_difference eb : (forall l, In l layers -> 0 < eb l) ->
    slack best - slack eb = - / 2 * sum layers (fun l => n l * ln (ratio eb l)).
  Proof.
    intros pos. unfold slack. rewrite <- sum_minus, <- sum_scale. apply sum_ext. intros l here.
    rewrite ln_ratio by auto. field.
  Qed.

  Theorem saving (eb : L -> R) : (forall l, In l layers -> 0 < eb l) -> noise eb <= B ->
    / 2 * sum layers (fun l => n l * (ratio eb l - 1 - ln (ratio eb l))) <= slack best - slack eb.
  Proof.
    intros pos within. rewrite slack_difference by exact pos.
    rewrite (sum_ext _ _ (fun l => n l * (ratio eb l - 1) - n l * ln (ratio eb l))) by (intros; ring).
    rewrite sum_minus. pose proof (ratios_within eb pos within). lra.
  Qed.

  Theorem best_optimal (eb : L -> R) : (forall l, In l layers -> 0 < eb l) -> noise eb <= B -> slack eb <= slack best.
  Proof.
    intros pos within. pose proof (saving eb pos within) as more.
    assert (0 <= sum layers (fun l => n l * (ratio eb l - 1 - ln (ratio eb l)))).
    { apply sum_nonneg. intros l here. pose proof (n_pos l here).
      pose proof (ln_below (ratio eb l) (ratio_pos eb l here (pos l here))).
      apply Rmult_le_pos; lra. }
    lra.
  Qed.

  Lemma sum_zero_each (l0 : list L) (f : L -> R) :
    (forall l, In l l0 -> 0 <= f l) -> sum l0 f <= 0 -> forall l, In l l0 -> f l = 0.
  Proof.
    induction l0 as [|a rest IH]; simpl; intros pos small l here; [contradiction|].
    assert (0 <= f a) by auto. assert (0 <= sum rest f) by (apply sum_nonneg; auto).
    destruct here as [-> | there]; [lra|]. apply IH; auto. lra.
  Qed.

  Theorem best_unique (eb : L -> R) : (forall l, In l layers -> 0 < eb l) -> noise eb <= B ->
    slack best <= slack eb -> forall l, In l layers -> eb l = best l.
  Proof.
    intros pos within equal l here. pose proof (saving eb pos within) as more.
    assert (each : forall k, In k layers -> 0 <= n k * (ratio eb k - 1 - ln (ratio eb k))).
    { intros k there. pose proof (n_pos k there).
      pose proof (ln_below (ratio eb k) (ratio_pos eb k there (pos k there))). apply Rmult_le_pos; lra. }
    pose proof (sum_zero_each layers _ each ltac:(lra) l here) as null.
    pose proof (n_pos l here). pose proof (best_pos l here). pose proof (pos l here).
    assert (one : ratio eb l = 1).
    { destruct (Req_EM_T (ratio eb l) 1) as [yes | no]; [exact yes|].
      pose proof (ln_below_strict (ratio eb l) (ratio_pos eb l here (pos l here)) no). nra. }
    unfold ratio in one. assert (eb l * eb l = best l * best l).
    { apply Rmult_eq_reg_r with (/ (best l * best l)); [|apply Rinv_neq_0_compat; nra].
      fold (eb l * eb l / (best l * best l)). rewrite one. field. lra. }
    nra.
  Qed.
End Layers.
