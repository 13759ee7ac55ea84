"""What people claim about the two boxes, and this course about itself: judged by experiments."""

from course import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    "bench entries experiments",
    entries="claim claims keep ledger record run table",
    experiments="BASELINE BOXES CLOCK Make WORK can_run clocked docker_run first_answer inside",
    verdicts="TONES Claim Judgement Verdict judge",
)
