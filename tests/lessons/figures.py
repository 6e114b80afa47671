"""What the tests read off a figure."""


def texts(ax):
    """Every label that was put into the picture."""
    return [text.get_text() for text in ax.texts]


def title(ax):
    """Its title; the course's style puts it on the left."""
    return ax.get_title(loc="left") or ax.get_title()
