"""MultiDict and its kin: several values for a key."""

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microquart.http.datastructures import (
    CallbackDict,
    CombinedMultiDict,
    HeaderSet,
    ImmutableDict,
    ImmutableMultiDict,
    MultiDict,
)

PAIRS = [("tag", "a"), ("page", "2"), ("tag", "b")]


@pytest.fixture
def args():
    return MultiDict(PAIRS)


def test_a_key_gives_its_first_value(args):
    assert args["tag"] == "a"


def test_getlist_gives_all_values_in_their_order(args):
    assert args.getlist("tag") == ["a", "b"]


def test_getlist_of_a_missing_key_is_empty(args):
    assert args.getlist("nope") == []


def test_the_keys_keep_the_order_of_their_first_values(args):
    assert list(args) == ["tag", "page"]


def test_its_length_is_the_number_of_keys(args):
    assert len(args) == 2


@pytest.mark.parametrize(
    ("key", "options", "value"),
    [
        ("page", {}, "2"),
        ("page", {"type": int}, 2),
        ("tag", {"type": int}, None),
        ("tag", {"type": int, "default": 1}, 1),
        ("nope", {}, None),
        ("nope", {"default": "x"}, "x"),
        ("nope", {"default": "x", "type": int}, "x"),
    ],
)
def test_get_converts_and_falls_back_to_the_default(args, key, options, value):
    assert args.get(key, **options) == value


def test_get_takes_a_type_error_for_a_refusal(args):
    assert args.get("page", 7, type=abs) == 7


def test_getlist_leaves_out_what_the_type_refuses():
    assert MultiDict({"n": ["1", "x", "3"]}).getlist("n", type=int) == [1, 3]


def test_a_missing_key_raises_the_key_error_of_the_class(args):
    class BadKey(KeyError):
        pass

    class Args(MultiDict):
        key_error = BadKey

    with pytest.raises(KeyError) as caught:
        args["nope"]
    assert caught.value.args[0] == "nope"
    with pytest.raises(BadKey, match="nope"):
        Args()["nope"]
    with pytest.raises(BadKey, match="nope"):
        Args().pop("nope")


@pytest.mark.parametrize(
    ("source", "items"),
    [
        (None, []),
        ({}, []),
        ({"a": 1}, [("a", 1)]),
        ({"a": [1, 2], "b": (3,), "c": []}, [("a", 1), ("a", 2), ("b", 3)]),
        ([("a", 1), ("b", 2), ("a", 3)], [("a", 1), ("a", 3), ("b", 2)]),
        (MultiDict([("a", 1), ("a", 2)]), [("a", 1), ("a", 2)]),
        (iter([("a", 1)]), [("a", 1)]),
    ],
)
def test_it_is_made_of_a_mapping_pairs_or_another_one(source, items):
    assert list(MultiDict(source).items(multi=True)) == items


def test_items_are_of_the_first_values_unless_all_are_asked_for(args):
    assert list(args.items()) == [("tag", "a"), ("page", "2")]
    assert list(args.items(multi=True)) == [
        ("tag", "a"),
        ("tag", "b"),
        ("page", "2"),
    ]


def test_lists_and_listvalues_give_every_value(args):
    assert list(args.lists()) == [("tag", ["a", "b"]), ("page", ["2"])]
    assert list(args.listvalues()) == [["a", "b"], ["2"]]


def test_to_dict_is_a_plain_dictionary(args):
    assert args.to_dict() == {"tag": "a", "page": "2"}
    assert args.to_dict(flat=False) == {"tag": ["a", "b"], "page": ["2"]}
    assert type(args.to_dict()) is dict


def test_whatever_takes_a_dictionary_sees_the_first_values(args):
    def view(**values):
        return values

    assert dict(args) == {"tag": "a", "page": "2"}
    assert view(**args) == {"tag": "a", "page": "2"}
    assert json.loads(json.dumps(args)) == {"tag": "a", "page": "2"}


def test_setting_a_key_replaces_all_its_values(args):
    args["tag"] = "c"
    assert args.getlist("tag") == ["c"]


def test_adding_keeps_the_values_that_are_there(args):
    args.add("tag", "c")
    args.add("page", "3")
    args.add("new", "1")
    assert args.to_dict(flat=False) == {
        "tag": ["a", "b", "c"],
        "page": ["2", "3"],
        "new": ["1"],
    }


@pytest.mark.parametrize("values", [["x"], ["x", "y", "z"], []])
def test_setlist_replaces_the_values(args, values):
    args.setlist("tag", values)
    assert args.getlist("tag") == values


def test_the_list_that_getlist_gives_is_a_copy(args):
    args.getlist("tag").append("c")
    assert args.getlist("tag") == ["a", "b"]


def test_setdefault_sets_only_what_is_missing(args):
    assert args.setdefault("tag", "x") == "a"
    assert args.setdefault("new", "x") == "x"
    assert args.setlistdefault("tag", ["x"]) == ["a", "b"]
    assert args.setlistdefault("list", ["x", "y"]) == ["x", "y"]
    assert args.getlist("new") + args.getlist("list") == ["x", "x", "y"]


def test_update_adds_and_replaces_nothing(args):
    args.update({"tag": ["c", "d"]}, page="3")
    assert args.getlist("tag") == ["a", "b", "c", "d"]
    assert args.getlist("page") == ["2", "3"]


def test_the_union_has_the_values_of_both(args):
    union = args | {"tag": "c"}
    assert union.getlist("tag") == ["a", "b", "c"]
    assert args.getlist("tag") == ["a", "b"]


def test_the_union_in_place_is_an_update(args):
    same = args
    args |= {"tag": "c"}
    assert same.getlist("tag") == ["a", "b", "c"]


def test_pop_removes_all_values_and_returns_the_first(args):
    assert args.pop("tag") == "a"
    assert "tag" not in args
    assert args.getlist("tag") == []
    assert args.pop("tag", "x") == "x"
    assert args.pop("tag", None) is None


def test_poplist_returns_all_values(args):
    assert args.poplist("tag") == ["a", "b"]
    assert args.poplist("tag") == []


def test_popitem_takes_the_last_key(args):
    args.add("page", "3")
    assert args.popitemlist() == ("page", ["2", "3"])
    assert args.popitem() == ("tag", "a")
    assert args == {}


@pytest.mark.parametrize(
    "empty", [lambda d: d.clear(), lambda d: d.poplist("tag")]
)
def test_what_was_removed_does_not_come_back(args, empty):
    empty(args)
    args.add("tag", "new")
    assert args.getlist("tag") == ["new"]


def test_deleting_removes_all_values(args):
    del args["tag"]
    assert list(args.items(multi=True)) == [("page", "2")]


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        (MultiDict(PAIRS), True),
        (ImmutableMultiDict(PAIRS), True),
        (MultiDict(PAIRS[:2]), False),
        ({"tag": "a", "page": "2"}, False),
        (None, False),
    ],
)
def test_two_are_equal_if_all_values_are(args, other, equal):
    assert (args == other) is equal
    assert (args != other) is not equal


def test_one_without_repetitions_equals_a_plain_dictionary():
    assert MultiDict({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("cls", [MultiDict, ImmutableMultiDict])
@pytest.mark.parametrize(
    "duplicate",
    [
        pytest.param(copy.copy, id="copy.copy"),
        pytest.param(copy.deepcopy, id="copy.deepcopy"),
        pytest.param(lambda one: pickle.loads(pickle.dumps(one)), id="pickle"),
        pytest.param(lambda one: one.copy(), id="its own copy"),
    ],
)
def test_a_copy_has_all_values(cls, duplicate):
    original = cls(PAIRS)
    assert duplicate(original) == original


def test_a_copy_is_independent(args):
    other = args.copy()
    other.add("tag", "c")
    assert args.getlist("tag") == ["a", "b"]


def test_its_repr_shows_all_values(args):
    shown = "MultiDict([('tag', 'a'), ('tag', 'b'), ('page', '2')])"
    assert repr(args) == shown


CHANGES = {
    "setting": lambda d: d.__setitem__("a", 1),
    "deleting": lambda d: d.__delitem__("a"),
    "clear": lambda d: d.clear(),
    "pop": lambda d: d.pop("a"),
    "popitem": lambda d: d.popitem(),
    "setdefault": lambda d: d.setdefault("b", 1),
    "update": lambda d: d.update({"b": 1}),
    "union in place": lambda d: d.__ior__({"b": 1}),
}
CHANGES_OF_LISTS = {
    "add": lambda d: d.add("a", 1),
    "setlist": lambda d: d.setlist("a", [1]),
    "setlistdefault": lambda d: d.setlistdefault("b", [1]),
    "poplist": lambda d: d.poplist("a"),
    "popitemlist": lambda d: d.popitemlist(),
}


def named(cases):
    return [pytest.param(case, id=name) for name, case in cases.items()]


@pytest.mark.parametrize("change", named(CHANGES | CHANGES_OF_LISTS))
def test_an_immutable_multi_dict_refuses_changes(change):
    sent = ImmutableMultiDict({"a": "1"})
    with pytest.raises(TypeError, match=r"immutable; change a .copy()"):
        change(sent)
    assert sent == {"a": "1"}


@pytest.mark.parametrize("change", named(CHANGES))
def test_an_immutable_dict_refuses_changes(change):
    fixed = ImmutableDict({"a": "1"})
    with pytest.raises(TypeError, match="immutable"):
        change(fixed)
    assert fixed == {"a": "1"}


def test_the_copy_of_an_immutable_one_can_be_changed():
    form = ImmutableMultiDict(PAIRS).copy()
    form.add("tag", "c")
    plain = ImmutableDict({"a": 1}).copy()
    plain["a"] = 2
    assert (form.getlist("tag"), plain) == (["a", "b", "c"], {"a": 2})


def test_immutable_dicts_survive_pickling():
    fixed = ImmutableDict({"a": 1})
    assert pickle.loads(pickle.dumps(fixed)) == fixed
    assert copy.copy(fixed) is fixed
    assert repr(fixed) == "ImmutableDict({'a': 1})"


def test_combined_dicts_have_the_values_of_the_first_in_front():
    values = CombinedMultiDict(
        [MultiDict({"a": ["1", "2"]}), MultiDict({"a": "3", "b": "4"})]
    )
    assert values["a"] == "1"
    assert values.getlist("a") == ["1", "2", "3"]
    assert values.to_dict() == {"a": "1", "b": "4"}
    assert pickle.loads(pickle.dumps(values)) == values
    assert repr(values).startswith("CombinedMultiDict([MultiDict(")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        *((change, True) for change in CHANGES.values()),
        (lambda d: d.pop("b", None), False),
        (lambda d: d.setdefault("a", 2), False),
        (lambda d: d.get("a"), False),
    ],
    ids=[*CHANGES, "pop of nothing", "setdefault of what is there", "get"],
)
def test_a_callback_dict_tells_of_changes_only(change, told):
    calls = []
    change(CallbackDict({"a": 1}, calls.append))
    assert bool(calls) is told


def test_a_callback_dict_raises_as_a_dict_does():
    with pytest.raises(KeyError):
        CallbackDict({}).pop("a")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers())))
def test_no_value_is_lost_and_each_key_keeps_its_order(pairs):
    many = MultiDict(pairs)
    for key in "abc":
        assert many.getlist(key) == [value for k, value in pairs if k == key]
    assert sorted(many.items(multi=True)) == sorted(pairs)


@pytest.fixture
def vary():
    return HeaderSet(["Accept", "Cookie"])


def test_a_header_set_ignores_case_and_keeps_the_spelling(vary):
    vary.add("cookie")
    assert "ACCEPT" in vary
    assert list(vary) == ["Accept", "Cookie"]
    assert vary.as_set() == {"accept", "cookie"}
    assert vary.as_set(preserve_casing=True) == {"Accept", "Cookie"}


def test_a_header_set_quotes_what_is_no_token():
    assert HeaderSet(["a", "b c"]).to_header() == 'a, "b c"'
    assert list(HeaderSet.from_header('a, "b c"')) == ["a", "b c"]


def test_a_header_set_knows_the_places_of_its_members(vary):
    assert (vary.find("cookie"), vary.find("x"), vary[1]) == (1, -1, "Cookie")
    assert vary.index("accept") == 0
    with pytest.raises(IndexError):
        vary.index("x")


def test_a_header_set_loses_members(vary):
    vary.remove("ACCEPT")
    vary.discard("x")
    assert list(vary) == ["Cookie"]
    with pytest.raises(KeyError):
        vary.remove("accept")
    vary.clear()
    assert not vary


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.add("x"), True),
        (lambda s: s.add("ACCEPT"), False),
        (lambda s: s.update(["x", "y"]), True),
        (lambda s: s.remove("accept"), True),
        (lambda s: s.discard("x"), False),
        (lambda s: s.clear(), True),
    ],
    ids=["add", "add again", "update", "remove", "discard nothing", "clear"],
)
def test_a_header_set_tells_of_changes_only(change, told):
    calls = []
    change(HeaderSet(["Accept"], calls.append))
    assert bool(calls) is told
