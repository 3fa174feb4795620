"""How the simulated platform behaves."""

from dataclasses import dataclass

from sorter.errors import ConfigError


@dataclass(frozen=True)
class WorldOptions:
    """How the platform behaves.

    Attributes:
        empty_s: How long it is empty between two objects.
        arrive_s: How long an object slides until it rests, and slides away when nobody wants it.
        patience_s: How long an object waits to be taken.
        first_s: How long it is empty before the first object; the sorter learns the empty place meanwhile.
        speed: Divides ``empty_s`` and ``arrive_s``.
        every_s: Seconds from the coming of one object to that of the next, whatever the arm does, as on a belt with a
            clock; 0 for as soon as the place is free. An object then rests for what ``arrive_s``, twice, and
            ``empty_s`` leave of it.
        moving: The belt does not stop: objects pass the place, in at the left and out at the right.
        objects: How many come; 0 means all there are.
        flicker: Amplitude of the light's flicker, as a share of its brightness.
        noise: Standard deviation of the sensor's noise, in byte steps.
        blur_px: Standard deviation of the lens's blur.
        shake_px: The camera's mount shakes: how far the picture wanders to either side, several times a second.
        dusk: Share of the light that fades away and comes back, over and over.
        dusk_s: How long that takes once.
        shadow: Share of the light that a shadow takes as it passes over the platform: a person, a cloud.
        shadow_s: Seconds from one shadow to the next; each passes within a fifth of that.
    """

    empty_s: float = 0.3
    arrive_s: float = 0.3
    patience_s: float = 15.0
    first_s: float = 0.0
    speed: float = 1.0
    every_s: float = 0.0
    moving: bool = False
    objects: int = 0
    flicker: float = 0.006
    noise: float = 2.0
    blur_px: float = 0.5
    shake_px: float = 0.0
    dusk: float = 0.0
    dusk_s: float = 60.0
    shadow: float = 0.0
    shadow_s: float = 10.0

    def __post_init__(self) -> None:
        if (
            not 0.01 <= self.speed <= 1000
            or min(self.empty_s, self.arrive_s, self.patience_s, self.first_s, self.objects) < 0
        ):
            raise ConfigError(
                "The simulated platform has an impossible speed, time or number of objects.",
                "Speed lies between 0.01 and 1000, times and numbers are not negative.",
            )
        self._check_clock()
        if not (0 <= self.dusk < 1 and 0 <= self.shadow < 1 and 0 <= self.shake_px <= 50):
            raise ConfigError(
                "Dusk and shadow take a share from 0 up to 1 of the light, and a camera shakes 0 to 50 px."
            )
        if min(self.dusk_s, self.shadow_s) < 0.1:
            raise ConfigError("Dusk and shadows need at least 0.1 s.")

    @property
    def rest_s(self) -> float:
        """How long an object rests when nobody takes it."""
        if not self.every_s:
            return self.patience_s
        return 0.0 if self.moving else min(self.patience_s, self.every_s - self._busy_s)

    @property
    def _busy_s(self) -> float:
        return (2 * self.arrive_s + self.empty_s) / self.speed

    def _check_clock(self) -> None:
        if self.moving and not self.every_s:
            raise ConfigError(
                "A belt that does not stop needs a clock.", "Give every_s, the seconds between two objects."
            )
        if self.every_s and not self._busy_s <= self.every_s + 1e-9 <= 3600:
            raise ConfigError(
                f"Objects cannot come every {self.every_s:g} s: coming, going and the gap take {self._busy_s:g} s.",
                "Make arrive_s and empty_s smaller, or every_s larger.",
            )
