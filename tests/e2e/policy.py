"""Writes policy files, in the language that `orgpatch validate` reads."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ring:
    """A ring of a policy, with the keys that it has of its own, each as YAML in one line."""

    name: str
    ous: tuple[str, ...]
    keys: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """Its entry in the list."""
        own = {"name": self.name, "ous": f"[{', '.join(self.ous)}]"} | self.keys
        return "  - " + "\n    ".join(f"{key}: {value}" for key, value in own.items())


@dataclass(frozen=True)
class Policy:
    """A policy. Without rings it has one implicit ring, `main`."""

    name: str
    ous: tuple[str, ...]
    regions: tuple[str, ...]
    home_region: str
    # An ID, or rules as YAML in one line.
    baselines: dict[str, str]
    install: str = "sun 02:00"
    management_account: str = "include"
    calendars: tuple[str, ...] = ()
    rings: tuple[Ring, ...] = ()
    # Further keys of the policy, each as YAML in one line.
    keys: dict[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The file."""
        baselines = [
            f"  {system.lower()}: {baseline}"
            for system, baseline in sorted(self.baselines.items())
        ]
        rings = ["rings:", *(ring.text() for ring in self.rings)] if self.rings else []
        more = [f"{key}: {value}" for key, value in self.keys.items()]
        calendars = f"\n  calendars: [{', '.join(self.calendars)}]"
        listed = "\n".join([*baselines, *rings, *more])
        return f"""\
version: 1
name: {self.name}
home_region: {self.home_region}
management_account: {self.management_account}
targets:
  ous: [{", ".join(self.ous)}]
  regions: [{", ".join(self.regions)}]
schedule:
  timezone: region
  scan: daily 01:00
  install: {self.install}{calendars if self.calendars else ""}
# The emulator knows no baseline of AWS's own, so each operating system names one.
baselines:
{listed}
"""
