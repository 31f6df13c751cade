//! Pure decisions: plan(), the quorum rules, the gate and the reconciler's state machine.
