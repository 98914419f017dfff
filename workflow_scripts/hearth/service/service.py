"""Run the service of a home: threads that take messages in, answer windows and publish the answers."""

import contextlib
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from hearth.common.cli import UserError
from hearth.service.answering import Answering
from hearth.service.broker import Broker
from hearth.service.discovery import BIRTH, HomeDevice
from hearth.service.feedback import Feedback
from hearth.service.inputs.registry import make_input
from hearth.service.intake import LAST_SEEN, Arrival, DirectReading, Intake
from hearth.service.journal import Journal
from hearth.service.messages import AnsweredWindow, BusMessage
from hearth.service.ownership import Ownership
from hearth.service.removal import publish_once
from hearth.service.reporting import NowAndThen
from hearth.service.settings import InputSettings, ServiceSettings, read_secret
from hearth.service.states import StateMessages
from hearth.service.student import Student
from hearth.service.topics import ROOT, Topics, slug
from hearth.service.websocket import HomeAssistantSocket

log = logging.getLogger(__name__)

# Messages that wait for the journal: the thread of the connection waits when there are more.
_QUEUED = 5_000
_BATCH = 500  # messages of a transaction
_LINGER = 0.2  # seconds in which the time of a state may follow that comes in a message of its own
_OUTBOX = 100  # messages that are published, and then leave the outbox, together
_HEARTBEAT = 30.0  # seconds
_POLL = 0.5  # seconds until a thread that waits for messages looks whether the service ends
_BACKLOG = 1_000  # waiting events of which something is said
_LAST_ACTIVITY, _SUBSCRIBED = "last known activity", "topics of the session"  # marks of the journal
_SOCKET_SECONDS = 2.0  # for the end of a connection to Home Assistant
_STOP_SECONDS = 8.0  # for the window that is being answered when the service is told to end


class FinalError(UserError):
    """The service has ended for a reason that starting it again would make worse."""


class SessionTakenOverError(FinalError):
    """Another service has taken over the session with the broker."""


class Service:
    """The service of a home. With `dry_run` it prints what it would publish, and keeps its journal in memory."""

    def __init__(self, settings: ServiceSettings, student: Student, dry_run: bool = False):
        self._settings, self._student, self._dry_run = settings, student, dry_run
        home_id, has_rooms = slug(student.home.name), settings["discovery"]["rooms"]
        self._topics = topics = Topics(settings["base_topic"] or f"{ROOT}/{home_id}")
        self._device = HomeDevice(
            student.home, home_id, topics, student.name, settings["discovery"]["prefix"], has_rooms
        )
        self._states = StateMessages(student.home, topics, student.name, settings["min_confidence"], has_rooms)
        self._device.config()  # refuses labels that cannot be states
        self._journal = Journal(None if dry_run else Path(settings["state"]))
        zone = ZoneInfo(student.home.timezone)
        self._inputs = [
            make_input(one["form"], one["topic"], zone) for one in settings["inputs"] if one["form"] != "websocket"
        ]
        self._linger = _LINGER if any(one["form"] == "statestream" for one in settings["inputs"]) else 0.0
        self._feedback: Feedback | None = None
        if not dry_run:
            self._feedback = Feedback(Path(settings["state"]), student.home_file, self._journal, self._states)
        self._intake = Intake(
            student.home, self._inputs, self._journal, settings["clock_tolerance"], self._device.entities()
        )
        self._sockets = [self._make_socket(one) for one in settings["inputs"] if one["form"] == "websocket"]
        self._answering = Answering(
            student, self._journal, self._window_messages, settings["wait"], settings["keep_windows"]
        )
        self._arrived: queue.Queue[Arrival | DirectReading] = queue.Queue(_QUEUED)
        self._to_introduce, self._to_publish, self._stopped = (threading.Event() for _ in range(3))
        self._failure: BaseException | None = None
        self._slow = NowAndThen()
        read = [topic for one in self._inputs for topic in one.subscriptions()]
        self._subscribed = [*read, self._device.birth_topic, self._topics.correct]
        before = json.loads(self._journal.mark(_SUBSCRIBED) or "[]")
        self._broker = Broker(
            settings["mqtt"],
            settings["mqtt"]["client_id"] or f"{ROOT}-{home_id}",
            self._subscribed,
            self._device.status(is_online=False),
            self._receive,
            self._connected,
            self._stopped.set,
            None if dry_run else Ownership(topics.owner),
            [topic for topic in before if topic not in self._subscribed],
        )

    def stop(self) -> None:
        """Let `run` end. Signal handlers may call it."""
        self._stopped.set()

    def remove(self) -> None:
        """Remove the device from Home Assistant, and what the broker keeps of it. Raises UserError."""
        with contextlib.closing(self._journal):
            publish_once(self._settings["mqtt"], self._device.removal())

    def run(self) -> None:
        """Run until `stop` is called. Raises what made a thread fail.

        Raises FinalError if another service took over, or Home Assistant refuses the token.
        """
        with contextlib.closing(self._journal):
            self._student.engine.load()
            threads = [
                threading.Thread(target=self._guarded, args=(target,), name=target.__name__.strip("_"), daemon=True)
                for target in (self._take_in, self._answer, self._publish)
            ]
            for thread in threads:
                thread.start()
            self._broker.start()
            for one in self._sockets:
                one.start()
            log.info("labels %s with %s (%s)", self._student.home.name, self._student.name, self._student.form)
            while not self._stopped.wait(_HEARTBEAT):
                self._broker.check()
                if self._broker.is_connected:
                    self._journal.set_mark(LAST_SEEN, datetime.now(UTC).isoformat())
                if (waiting := self._journal.waiting_count()) > _BACKLOG:
                    self._slow.warn(f"{waiting} events wait for an answer: the student is slower than the home")
            self._end(threads)
        if self._broker.problem:
            raise SessionTakenOverError(self._broker.problem)
        if self._failure is not None:
            raise self._failure

    def _end(self, threads: Sequence[threading.Thread]) -> None:
        """End the threads; the window that is being answered gets some seconds, then it waits for the next start."""
        if self._broker.is_connected:
            self._journal.set_mark(LAST_SEEN, datetime.now(UTC).isoformat())
        self._broker.stop()
        self._broker.interrupt()
        for one in self._sockets:
            one.stop(_SOCKET_SECONDS)
        self._answering.stop()
        self._to_publish.set()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        counts = ", ".join(f"{count} {name}" for name, count in self._journal.counts().items())
        log.info("ended; so far: %s", counts or "nothing")

    def _make_socket(self, one: InputSettings) -> HomeAssistantSocket:
        """Return the client of an input of the form websocket."""
        return HomeAssistantSocket(
            one["url"],
            read_secret(one["token_file"]) or "",
            lambda reading: self._put(DirectReading(reading, datetime.now(UTC))),
            self._refuse,
            lambda last: self._intake.connect_socket(datetime.now(UTC), last),
            longest_pause=self._settings["mqtt"]["reconnect"],
            since=self._intake.last_change(),
        )

    def _refuse(self, reason: str) -> None:
        """End the service, because Home Assistant refuses it."""
        self._failure = FinalError(reason)
        self._stopped.set()

    def _guarded(self, target: Callable[[], None]) -> None:
        """Run the function of a thread; if it fails, end the service."""
        try:
            target()
        except BaseException as error:
            self._failure = error
            self._stopped.set()

    def _connected(self) -> None:
        """Say that the service is there. Called in the broker's thread after each connection."""
        self._journal.set_mark(_SUBSCRIBED, json.dumps(self._subscribed))
        self._intake.connect(datetime.now(UTC))
        self._ask_introduction()

    def _ask_introduction(self) -> None:
        """Have the device and its last states published: in the thread of the outbox, whose order they keep."""
        self._to_introduce.set()
        self._to_publish.set()

    def _introduction(self) -> list[BusMessage]:
        """Return the device and its last states: brokers may lose them, and Home Assistant reads them at its start."""
        config = [self._device.config()] if self._settings["discovery"]["enabled"] else []
        return [*config, *self._journal.retained(), self._device.status(is_online=True)]

    def _receive(self, arrival: Arrival) -> None:
        """Take a message. Called in the broker's thread."""
        if arrival.topic == self._device.birth_topic and arrival.payload.decode("utf-8", "replace") == BIRTH:
            self._ask_introduction()
            for one in self._sockets:
                one.wake()
        self._put(arrival)

    def _put(self, arrival: Arrival | DirectReading) -> None:
        """Hand a message to the thread of the journal; wait while it has many, unless the service ends."""
        while not self._stopped.is_set():
            with contextlib.suppress(queue.Full):
                self._arrived.put(arrival, timeout=_POLL)
                return

    def _take_in(self) -> None:
        """Put messages into the journal as they arrive, many at a time, and only then acknowledge them."""
        while not (self._stopped.is_set() and self._arrived.empty()):
            arrivals: list[Arrival | DirectReading] = []
            with contextlib.suppress(queue.Empty):
                arrivals.append(self._arrived.get(timeout=_POLL))
                until = time.monotonic() + self._linger
                while len(arrivals) < _BATCH:
                    left = until - time.monotonic()
                    arrivals.append(self._arrived.get(left > 0, max(left, 0.0)))
            if not arrivals:
                continue
            if self._intake.add(arrivals):
                self._answering.notify()
            if self._feedback is not None:
                messages = (one for one in arrivals if isinstance(one, Arrival))
                if self._feedback.take([one for one in messages if one.topic == self._topics.correct]):
                    self._to_publish.set()
            self._broker.acknowledge([one for one in arrivals if isinstance(one, Arrival)])

    def _answer(self) -> None:
        self._answering.run(self._answered)

    def _answered(self) -> None:
        """Keep an answered window in the event log, and have its messages published."""
        if self._feedback is not None:
            self._feedback.add_answered()
        self._to_publish.set()

    def _publish(self) -> None:
        """Publish the messages of the outbox in order; each leaves it when the broker has acknowledged it."""
        while not self._stopped.is_set():
            self._broker.wait()
            self._to_publish.clear()
            if self._to_introduce.is_set():
                self._to_introduce.clear()
                self._deliver(self._introduction())
            rows = self._journal.outbox(_OUTBOX)
            if not rows:
                self._to_publish.wait()
            elif self._deliver([message for _, message in rows]):
                self._journal.remove_published(rows[-1][0])

    def _deliver(self, messages: Sequence[BusMessage]) -> bool:
        """Publish messages in order, and wait until the broker has them; return whether it has, or prints them."""
        if not self._dry_run:
            return self._broker.publish(messages)
        self._send(messages)
        return True

    def _send(self, messages: Sequence[BusMessage]) -> None:
        """Publish messages that need not survive; in a dry run, print them."""
        if not self._dry_run:
            self._broker.publish_later(messages)
            return
        for message in messages:
            print(f"{message.topic}{' (retained)' * message.is_retained}: {message.payload}", flush=True)

    def _window_messages(self, window: AnsweredWindow) -> list[BusMessage]:
        """Return the messages to publish of an answered window, within the transaction that adds it to the journal."""
        messages, activity = self._states.messages(window, self._journal.mark(_LAST_ACTIVITY))
        if activity is not None:
            self._journal.set_mark(_LAST_ACTIVITY, activity)
        return messages
