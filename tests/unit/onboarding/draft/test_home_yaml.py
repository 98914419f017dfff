"""Test the guesses that a draft makes from the names of sensors."""

import pandas as pd
import pytest
from hearth.onboarding.draft.home_yaml import compose


@pytest.mark.parametrize(
    ("sensor", "room", "words"),
    [
        ("BedroomABed", "bedroom", "A bed"),
        ("LivingRoomAChair", "living room", "A chair"),
        ("KitchenTemperature", "kitchen", "temperature"),
        ("HallwayA", "hall", "hallway A"),
        ("MainDoor", "home", "main door"),
        ("bedroom_bed", "bedroom", "bed"),
        ("KITCHEN_Door", "kitchen", "Door"),
        ("M001", "home", "M001"),
        ("Kitchen", "kitchen", "Kitchen"),
    ],
)
def test_the_name_of_a_sensor_is_split_into_room_and_words(sensor, room, words):
    recorded = pd.DataFrame({"sensor": [sensor], "state": ["ON"], "second": [0]})
    settings = {"residents": "one", "timezone": "UTC", "recording": {}}
    home = compose({sensor: ["ON"]}, ["rest", "work"], recorded, settings)
    assert home["sensors"][sensor]["room"] == room
    assert home["sensors"][sensor]["words"] == words
    assert home["rooms"] == {room: ""}
