"""Heartbeats for all jobs of a worker, from one thread, whatever the handlers do meanwhile."""

import logging
import threading
from collections.abc import Sequence

from lorekeeper.contracts.batches import MAX_BATCH, AssetJobHeartbeatBatch, HeartbeatItem, Refused
from lorekeeper.contracts.jobs import AssetJobHeartbeat, JobProgressUpdate
from lorekeeper.sdk.errors import APIError, SdkError, ServerUnreachableError, TransferError, UnexpectedAnswerError
from lorekeeper.sdk.execution import Sync
from lorekeeper.sdk.jobs import Jobs
from lorekeeper.sdk.lease import Lease, steady_seconds
from lorekeeper.sdk.listening import WorkerListener, tell

_log = logging.getLogger("lorekeeper.worker")


class LeaseKeeper:
    """Renews at a third of the lease, those that are due at about the same time in one request.

    `jobs` should be a client's of its own, with one attempt and little patience: this thread asks again by itself, and
    one request that hangs must not cost the other leases. `listener` hears once of a server that does not answer.
    """

    def __init__(self, jobs: Jobs[Sync], listener: WorkerListener) -> None:
        self._jobs = jobs
        self._listener = listener
        self._away = False
        self._leases: set[Lease] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._one_by_one = False

    def keep(self, lease: Lease) -> None:
        """From now on it is renewed."""
        with self._changed:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="lorekeeper-heartbeats", daemon=True)
                self._thread.start()
            self._changed.notify()

    def drop(self, lease: Lease) -> None:
        """It is over."""
        with self._changed:
            self._leases.discard(lease)

    def wake(self) -> None:
        """A lease has become due sooner."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """Ends the thread; it is not waited for, since a request may be under way."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while (due := self._wait_for_due()) is not None:
            # Those that the time took are lost without a word to the server.
            held = [lease for lease in due if lease.lost_because is None]
            for start in range(0, len(held), MAX_BATCH):
                try:
                    self._beat(held[start : start + MAX_BATCH])
                except Exception:  # noqa: BLE001 - without this thread, every lease would be lost
                    if not self._closed:
                        _log.exception("a heartbeat failed")
            with self._changed:
                self._leases -= {lease for lease in due if lease.lost_because is not None}

    def _wait_for_due(self) -> list[Lease] | None:
        with self._changed:
            while not self._closed:
                now = steady_seconds()
                # What is due a little later goes along, so that leases of one claim stay together.
                due = [lease for lease in self._leases if lease.due_at <= now]
                if due:
                    return [lease for lease in self._leases if lease.due_at <= now + lease.lease_seconds / 12]
                first = min((lease.due_at for lease in self._leases), default=None)
                self._changed.wait(None if first is None else max(first - now, 0.001))
        return None

    def _beat(self, leases: Sequence[Lease]) -> None:
        said = {lease: lease.begin_beat() for lease in leases}
        if len(leases) == 1 or self._one_by_one:
            for lease, progress in said.items():
                self._beat_one(lease, progress)
            return
        sent_at = steady_seconds()
        try:
            answers = self._jobs.heartbeat_batch(AssetJobHeartbeatBatch(items=[_item(*one) for one in said.items()]))
        except APIError as error:
            if passes(error):
                self._unanswered(said, str(error))
                return
            # A server that has no batches, or one bad item among good ones: each for itself.
            self._one_by_one = self._one_by_one or error.status in {404, 405}
            for lease, progress in said.items():
                self._beat_one(lease, progress)
        except SdkError as error:
            self._unanswered(said, str(error))
        else:
            self._answered()
            for (lease, progress), answer in zip(said.items(), answers.items, strict=True):
                if isinstance(answer, Refused):
                    self._refused(lease, progress, answer.status, answer.problem.detail)
                else:
                    lease.renewed(sent_at, answer.lease)

    def _beat_one(self, lease: Lease, progress: JobProgressUpdate | None) -> None:
        sent_at = steady_seconds()
        try:
            answer = self._jobs.heartbeat(lease.job.id, _body(lease, progress))
        except APIError as error:
            self._refused(lease, progress, error.status, error.detail)
        except SdkError as error:
            self._unanswered({lease: progress}, str(error))
        else:
            self._answered()
            lease.renewed(sent_at, answer)

    def _refused(self, lease: Lease, progress: JobProgressUpdate | None, status: int, why: str) -> None:
        if _passing(status):
            self._unanswered({lease: progress}, why)
        else:
            lease.lose(why)

    def _unanswered(self, said: dict[Lease, JobProgressUpdate | None], why: str) -> None:
        for lease, progress in said.items():
            lease.unanswered(progress)
        if not self._away:
            self._away = True
            tell(self._listener.unreachable, why, min(lease.again_seconds for lease in said))

    def _answered(self) -> None:
        if self._away:
            self._away = False
            tell(self._listener.reachable)


def passes(error: BaseException) -> bool:
    """Whether it is a matter of waiting."""
    if isinstance(error, APIError):
        return _passing(error.status)
    if isinstance(error, TransferError):
        return error.status is None or _passing(error.status)
    return isinstance(error, ServerUnreachableError | UnexpectedAnswerError)


def _passing(status: int) -> bool:
    return status >= 500 or status == 429


def _body(lease: Lease, progress: JobProgressUpdate | None) -> AssetJobHeartbeat:
    return AssetJobHeartbeat(lease_token=lease.job.lease_token, lease_seconds=lease.lease_seconds, progress=progress)


def _item(lease: Lease, progress: JobProgressUpdate | None) -> HeartbeatItem:
    return HeartbeatItem(
        job_id=lease.job.id,
        lease_token=lease.job.lease_token,
        lease_seconds=lease.lease_seconds,
        progress=progress,
    )
