"""What ``report`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["REVEAL", "STATEMENT"]

STATEMENT = Statement(
    protocol="each receiver's page is made of what steps before have told that receiver, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
)

REVEAL = "report: one page of what the job has told its receiver already, and of what is public of the job"
