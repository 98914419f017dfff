"""Test what a session with the broker keeps of earlier settings of the service."""

from service_runs import Change, wait_until


def test_topics_of_earlier_settings_are_left(mosquitto, make_service, make_client):
    sensors = make_client(mosquitto.port, "sensors")
    for topic in "old/#", "new/#":
        service = make_service(mosquitto.port, inputs=[{"form": "json", "topic": topic}])
        service.start()
        wait_until(lambda service=service, topic=topic: service.rows(_marked(topic)), "the subscription")
        assert service.end() == 0
    for topic in "old/states", "new/states":
        sensors.publish([Change("R7", "ON").payload()], topic)
    service.start()
    wait_until(lambda: service.taken_in() == 1, "the message of the new topic is taken in")
    service.end()
    assert service.counts()["messages"] == 1


def _marked(topic: str) -> str:
    """Return a query for the mark that the service is subscribed to a topic."""
    return f"SELECT 1 FROM marks WHERE name = 'topics of the session' AND value LIKE '%{topic}%'"
