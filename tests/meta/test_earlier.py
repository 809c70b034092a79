"""How settings of an earlier run and of now are told apart."""

from mmvoxceleb.meta.earlier import _differences


def test_each_setting_that_differs_is_named() -> None:
    assert _differences({"stride": 4, "size": 512}, {"stride": 2, "size": 512, "gain": 1}) == [
        "gain was null and is 1",
        "stride was 4 and is 2",
    ]


def test_of_another_model_nothing_else_is_named() -> None:
    recorded, wanted = (
        {"model": "open", "backend": "litert", "outline": {"beta": 80}},
        {"model": "sample", "sha256": "67"},
    )
    assert _differences(recorded, wanted) == ['model was "open" and is "sample"']


def test_what_has_a_name_is_told_by_it() -> None:
    yunet, haar = {"name": "yunet", "min_score": 0.6}, {"name": "haar", "cascade": "x.xml"}
    assert _differences({"detector": yunet}, {"detector": haar}) == ['detector was "yunet" and is "haar"']
    assert _differences({"detector": yunet}, {"detector": {**yunet, "min_score": 1}}) == [
        'detector was {"min_score": 0.6, "name": "yunet"} and is {"min_score": 1, "name": "yunet"}'
    ]
