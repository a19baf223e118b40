from provider.operations.publication import PublicationPace


def test_a_group_publishes_ten_times_at_once_and_once_a_second_from_then_on() -> None:
    now = 0.0
    pace = PublicationPace(clock=lambda: now)

    assert [0.0] * 10 == [pace.seconds_to_wait("a") for _ in range(10)]
    assert [1.0, 1.0] == [pace.seconds_to_wait("a") for _ in range(2)]
    assert 0.0 == pace.seconds_to_wait("b")
    now = 1.5
    assert [0.0, 0.5] == [pace.seconds_to_wait("a") for _ in range(2)]
