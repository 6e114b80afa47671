"""Explorers of notebook 00."""

from matplotlib.figure import Figure

from lecture8 import plots, published
from lecture8.explore import Explorer, explorer


@explorer
def winners() -> Explorer:
    """The ILSVRC winners; pick a year, see its network, its idea and its numbers."""
    table, human = published.winners_and_human()

    def draw(year: int) -> tuple[Figure, str]:
        row = table.set_index("year").loc[year]
        known = {name: row[name] for name in ("network", "depth", "members", "notebook") if row[name] == row[name]}
        parts = [f"{year}: {row['winner']}, top-5 error {row['top5_error']:g} %. Idea: {row['idea']}."]
        if "network" in known:
            layers = f" with {known['depth']:.0f} layers" if "depth" in known else ""
            parts.append(f"Network: {known['network']}{layers}.")
            nets = f"{known['members']:.0f} networks" if "members" in known else "several networks"
            parts.append(f"The number is that of an ensemble of {nets}.")
        if "notebook" in known:
            file = f"{known['notebook']}.ipynb"
            parts.append(f"Notebook: [{file}]({file}).")
        return plots.start_here.timeline(table, human, chosen=year), " ".join(parts)

    years = [int(year) for year in table["year"]]
    return Explorer(draw, {"year": years}, start={"year": 2015})
