"""What a user reads of an error."""


def one_line(caught):
    """The message of a user's error, which is one line."""
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message
