"""What custom objects refuse."""

from __future__ import annotations

from agentflow.kit.errors import Conflict, InvalidInput, NotFound


class DefinitionNotFound(NotFound):
    """There is no such kind of object here."""

    code = "object_definition_not_found"


class ObjectNotFound(NotFound):
    """There is no such object here."""

    code = "object_not_found"


class DefinitionTaken(Conflict):
    """There is a kind of object with this key already."""

    code = "object_key_taken"


class TooManyDefinitions(Conflict):
    """The workspace has as many kinds of objects as it may."""

    code = "too_many_object_definitions"


class FieldsStay(Conflict):
    """Fields keep their keys and types, and none is taken away."""

    code = "fields_stay"


class ObjectExists(Conflict):
    """There is an object with this title already."""

    code = "object_exists"


class BadValue(InvalidInput):
    """A field does not hold this."""

    code = "type_mismatch"


class UnknownField(InvalidInput):
    """The object has no such field."""

    code = "unknown_field"
