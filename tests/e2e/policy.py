"""Writes policy files, in the language that `orgpatch validate` reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """A policy with one implicit ring, `main`."""

    name: str
    ous: tuple[str, ...]
    regions: tuple[str, ...]
    home_region: str
    baselines: dict[str, str]
    install: str = "sun 02:00"
    management_account: str = "include"

    def text(self) -> str:
        """The file."""
        baselines = "\n".join(
            f"  {system.lower()}: {baseline}"
            for system, baseline in sorted(self.baselines.items())
        )
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
  install: {self.install}
# The emulator knows no baseline of AWS's own, so each operating system names one.
baselines:
{baselines}
"""
