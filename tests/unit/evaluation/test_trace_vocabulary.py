from hearth.evaluation.trace_vocabulary import Vocabulary
from trace_factories import make_trace_home


def test_a_room_inside_the_name_of_a_sensor_is_no_room(tmp_path):
    vocabulary = Vocabulary(make_trace_home(tmp_path))
    assert vocabulary.mentions("through the kitchen hatch and the dining room kitchen hatch")["room"] == set()
    assert vocabulary.mentions("the kitchen, the kitchenette")["room"] == {"kitchen"}
