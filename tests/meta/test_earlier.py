"""How settings of an earlier run and of now are told apart."""

from mmvoxceleb.meta.earlier import differences


def test_each_setting_that_differs_is_named() -> None:
    assert differences({"stride": 4, "size": 512}, {"stride": 2, "size": 512, "gain": 1}) == [
        ("gain", "null", "1"),
        ("stride", "4", "2"),
    ]


def test_of_another_model_nothing_else_is_named() -> None:
    recorded, wanted = (
        {"model": "open", "backend": "litert", "outline": {"beta": 80}},
        {"model": "sample", "sha256": "67"},
    )
    assert differences(recorded, wanted) == [("model", '"open"', '"sample"')]


def test_of_labels_the_attributes_that_differ_are_named() -> None:
    label = [0] * 40
    mended = [*label[:20], 1, *label[21:]]
    assert differences({"label": label}, {"label": mended}) == [("label", '{"Male": 0}', '{"Male": 1}')]


def test_what_has_a_name_is_told_by_it() -> None:
    yunet, haar = {"name": "yunet", "min_score": 0.6}, {"name": "haar", "cascade": "x.xml"}
    assert differences({"detector": yunet}, {"detector": haar}) == [("detector", '"yunet"', '"haar"')]
    assert differences({"detector": yunet}, {"detector": {**yunet, "min_score": 1}}) == [
        ("detector", '{"min_score": 0.6, "name": "yunet"}', '{"min_score": 1, "name": "yunet"}')
    ]
