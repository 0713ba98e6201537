"""An authenticator app on a user's phone; oathtool does its arithmetic."""

import itertools
import subprocess
import time
import urllib.parse


class Authenticator:
    def __init__(self, url):
        """Scan the key that a server gives as an otpauth URL."""
        said = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        # What a key does not say is as every app takes it for granted.
        self.key = {"algorithm": "SHA1", "digits": "6", "period": "30", **said}
        self.period = int(self.key["period"])
        self.shown = 0

    def passcode(self):
        """A passcode that it has not shown before: this may take a period."""
        while (step := int(time.time()) // self.period) <= self.shown:
            time.sleep(0.1)
        self.shown = step
        return self.at(step)

    def now(self):
        """The passcode that it shows, whether or not it has shown it before."""
        return self.at(int(time.time()) // self.period)

    def wrong(self):
        """What looks like a passcode, and is not one anywhere near now."""
        now = int(time.time()) // self.period
        near = [self.at(now + steps) for steps in range(-3, 4)]
        return next(code for code in map("{:06}".format, itertools.count()) if code not in near)

    def at(self, step):
        return subprocess.run(
            [
                "oathtool", f"--totp={self.key['algorithm']}", f"--digits={self.key['digits']}", "--base32",
                f"--time-step-size={self.period}s", f"--now=@{step * self.period}", self.key["secret"],
            ],
            check=True, capture_output=True, text=True,
        ).stdout.strip()
