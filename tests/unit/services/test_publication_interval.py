from provider.services.publication_interval import PublicationPace


def test_a_group_publishes_ten_times_at_once_and_once_a_second_from_then_on() -> None:
    now = 0.0
    pace = PublicationPace(clock=lambda: now)

    assert [pace.seconds_to_wait("a") for _ in range(10)] == [0.0] * 10
    assert [pace.seconds_to_wait("a") for _ in range(2)] == [1.0, 1.0]
    assert pace.seconds_to_wait("b") == 0.0
    now = 1.5
    assert [pace.seconds_to_wait("a") for _ in range(2)] == [0.0, 0.5]
