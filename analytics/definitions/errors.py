"""What can be wrong with definitions or with the lines handed to them."""


class DefinitionError(Exception):
    """A definition file is incomplete or contradicts another; the message names file and key."""


class SubjectError(Exception):
    """The lines belong to no patient, or to more than one: scoring them would mix people."""
