"""What a Recorder tells whoever uses it otherwise than it can be used."""

NOTHING_RECORDED = (
    "nothing was recorded, and {} was not written: no record was due in {} updates, and {} calls of step() had "
    "no update before them. Call it behind optimizer.step(), with a cadence that is shorter than the training."
)
NO_MORE_UPDATES = (
    "the last {} calls of step() had no update before them, and were not recorded. Call it behind optimizer.step(), "
    "and make a new Recorder where the optimizer is replaced."
)
NOT_TOLD = (
    "an update was left out: recorder.step() was not called behind it. Where the loop was interrupted there, all is "
    "well; otherwise call recorder.step(loss=loss) behind every optimizer.step()."
)
NOTHING_HEARD = (
    "no layer was heard: the model was compiled before the Recorder was made, or its parts were called in evaluation "
    "mode. Activations are not recorded. Make the Recorder before the first call of the model."
)
MUST_BE_TOLD = (
    "recorder.step() must be called behind every optimizer.step(); got three updates without it. "
    "Call recorder.step(loss=loss) once an update."
)
