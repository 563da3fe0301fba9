"""What log-in, keys and teams refuse."""

from __future__ import annotations

from agentflow.kit.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated


class WrongCredentials(Unauthenticated):
    """The e-mail or the password is wrong; which of the two is never told."""

    code = "wrong_credentials"


class NoCredential(Unauthenticated):
    """No, an unknown, an expired or a revoked credential was sent."""

    code = "no_credential"


class PasswordChangeRequired(Forbidden):
    """The first password must be changed before anything else."""

    code = "password_change_required"


class CsrfMissing(Forbidden):
    """A request with the session cookie that changes something needs the X-CSRF-Token header."""

    code = "csrf_token_missing"


class StaffOnly(Forbidden):
    """An API key cannot do what belongs to a person."""

    code = "staff_only"


class MissingScope(Forbidden):
    """The API key does not carry the scope this needs."""

    code = "missing_scope"


class EndsInPast(InvalidInput):
    """A new key ends in the future, or never."""

    code = "ends_in_past"


class WeakPassword(InvalidInput):
    """The new password does not meet the rule that the detail states."""

    code = "weak_password"


class RecordNotFound(NotFound):
    """No such workspace, staff member, team or key for this caller."""

    code = "not_found"


class NotAccepted(RecordNotFound):
    """Work goes to those who have accepted their invitation."""

    code = "not_accepted"


class LinkNotValid(NotFound):
    """The link was used, has run out, was replaced by a newer one, or never existed."""

    code = "link_not_valid"


class AddressTaken(Conflict):
    """Somebody has this e-mail address already."""

    code = "address_taken"


class NameTaken(Conflict):
    """Another team has this name."""

    code = "name_taken"


class LastAdmin(Conflict):
    """A workspace keeps at least one admin who can log in."""

    code = "last_admin"


class NotInTeam(Forbidden):
    """A team admin manages the members of the teams they are in."""

    code = "not_in_team"


class AlreadyAccepted(Conflict):
    """Only somebody who has not accepted yet can be invited again."""

    code = "already_accepted"


class DefaultTeamNeeded(Conflict):
    """The default team receives what names no team, so it stays."""

    code = "default_team"


class SecondFactorRequired(Unauthenticated):
    """The password is right; send the `challenge` with a code to POST /api/v1/auth/second-factor."""

    code = "second_factor_required"


class ChallengeNotValid(Unauthenticated):
    """The first step of this log-in was too long ago, or took too many wrong codes."""

    code = "challenge_not_valid"


class WrongCode(Unauthenticated):
    """The code is not the one of now, or was used before."""

    code = "wrong_code"
    staff_id = ""  # whose; for the audit log, not for the answer


class SecondFactorState(Conflict):
    """The second factor is on when it should be off, or the other way round."""

    code = "second_factor_state"


class SecondFactorMissing(Forbidden):
    """Admins of this workspace need a second factor."""

    code = "second_factor_missing"
