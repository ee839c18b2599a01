"""Forms: fields read from hostile bodies, what was typed kept, faults by field."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admin.forms import MAX_FIELDS, WHOLE, Fields, Form, FormError, read_fields


def form(**typed: str) -> Form:
    return Form(Fields(list(typed.items())))


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        (b"a=1&b=2", "b", "2"),
        (b"a=1&a=2", "a", "1"),
        (b"a=%C3%B6+x%26", "a", "ö x&"),
        (b"a=", "a", ""),
        (b"", "a", ""),
        (b"a", "a", ""),
    ],
)
def test_fields(body, name, value):
    assert read_fields(body).get(name) == value


@pytest.mark.parametrize("body", [b"a=%ff", "a=ö".encode(), b"&".join([b"a=1"] * (MAX_FIELDS + 1))])
def test_what_is_no_form(body):
    with pytest.raises(FormError):
        read_fields(body)


@given(st.binary(max_size=300))
@settings(max_examples=100)
def test_any_body_is_read_or_refused(body):
    try:
        fields = read_fields(body)
    except FormError:
        return
    assert isinstance(fields.get("a"), str)


def test_several_of_one_name():
    fields = read_fields(b"d=x&d=y")
    assert (fields.all("d"), fields.all("e"), "d" in fields, "e" in fields) == (["x", "y"], [], True, False)


@pytest.mark.parametrize(
    ("typed", "value", "fault"),
    [
        (" ann ", "ann", None),
        ("", "", "Type it."),
        ("   ", "", "Type it."),
        ("x" * 11, "x" * 11, "This is too long: at most 10 characters."),
        ("a\x1bb", "a\x1bb", "This holds a character that cannot be shown."),
        ("a\u202eb", "a\u202eb", "This holds a character that cannot be shown."),
    ],
)
def test_a_line_of_text(typed, value, fault):
    one = form(name=typed)
    assert one.text("name", missing="Type it.", longest=10) == value
    assert one.faults.get("name") == fault
    assert one.typed("name") == typed


def test_a_password_stays_as_it_was_typed():
    one = form(password="  two words ")
    assert one.secret("password", missing="Type it.") == "  two words "
    assert not one.faults


def test_choices_flags_and_names_to_confirm():
    one = form(kind="b", on="on", sure="One.test", other="x")
    assert (one.choice("kind", ("a", "b")), one.flag("on"), one.flag("off")) == ("b", True, False)
    one.same("sure", "one.test")
    assert not one.faults
    assert one.choice("other", ("a", "b")) == "a"
    one.same("other", "one.test")
    assert one.faults == {"other": "Choose one of these."}


def test_what_an_act_refused_stands_in_one_sentence():
    one = form()
    one.refuse(ValueError("no domain one.test"))
    one.refuse(ValueError("taken!"), "name")
    one.refuse(ValueError("later"), "name")
    assert one.faults == {WHOLE: "No domain one.test.", "name": "Taken!"}


def test_a_form_begins_with_its_first_values():
    assert (Form(state="live").typed("state"), Form(state="live").typed("name")) == ("live", "")
