"""Places for connections: in all, from one address, given back once."""

from appliance.admission import Admission


def test_places_are_counted_in_all_and_by_address():
    admission = Admission(total=3, per_address=2)
    first, second = admission.admit("192.0.2.1"), admission.admit("192.0.2.1")
    assert first
    assert second
    assert admission.admit("192.0.2.1") is None
    assert admission.admit("192.0.2.2")
    assert admission.admit("192.0.2.3") is None
    first()
    first()
    assert admission.count == 2
    assert admission.admit("192.0.2.1")
    assert admission.admit("192.0.2.1") is None


def test_zero_is_unlimited_and_nothing_is_left_behind():
    admission = Admission(total=0, per_address=0)
    places = [admission.admit("192.0.2.1") for _ in range(1000)]
    for release in places:
        assert release
        release()
    assert (admission.count, admission._taken) == (0, {})
