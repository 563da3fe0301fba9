"""What contacts refuse."""

from __future__ import annotations

from agentflow.kit.errors import Conflict, InvalidInput, NotFound


class ContactNotFound(NotFound):
    """There is no such contact here."""

    code = "contact_not_found"


class DuplicateContact(Conflict):
    """The e-mail address or phone number belongs to another contact; `contact_id` says which."""

    code = "duplicate_contact"


class EmptyContact(InvalidInput):
    """A new contact about whom nothing is said."""

    code = "empty_contact"


class BadEmail(InvalidInput):
    """Not an e-mail address."""

    code = "bad_email"


class BadPhone(InvalidInput):
    """Not a phone number."""

    code = "bad_phone"


class UnknownProperty(InvalidInput):
    """No property has this key."""

    code = "unknown_property"


class TypeMismatch(InvalidInput):
    """The value is not of the property's type."""

    code = "type_mismatch"


class UnknownOwner(InvalidInput):
    """The owner is no staff member here."""

    code = "unknown_owner"


class PropertyNotFound(NotFound):
    """There is no such property here."""

    code = "property_not_found"


class LabelNotFound(NotFound):
    """There is no such label here."""

    code = "label_not_found"


class NameTaken(Conflict):
    """There is one of this name already."""

    code = "name_taken"


class TooManyRecords(Conflict):
    """The workspace has as many of these as it may."""

    code = "too_many_records"
