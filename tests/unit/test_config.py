"""Loading a configuration: every kind of mistake, where it stands, and what to do."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.load import LARGEST, ConfigError, explain, load
from config.mistakes import MOST

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "gateway.toml", ROOT / "config/examples/branch.toml"]
GOOD = """\
[branch]
id = "hk-central"
name = "Central"

[categories.legs]
name = "Legs"

[[serial]]
id = "wall"
port = "/dev/ttyUSB0"
driver = "lines"

[[machines]]
id = "leg-press-01"
name = "Leg press 1"
category = "legs"

[[machines]]
id = "leg-curl-01"
name = "Leg curl 1"
category = "legs"

[[sensors]]
id = "seat"
machine = "leg-press-01"
source = "serial:wall"
channel = 1
"""
SIMULATED = """\
[branch]
id = "b"
name = "B"
[simulator]
"""
NATIVE_TOPIC = 'topic = "gyms/hk-central/machines/leg-press-01/occupancy"'
SENSOR = '\n[[sensors]]\nid = "two"\nmachine = "leg-press-01"\n'


def error_of(text: str, folder: Path) -> ConfigError | None:
    file = folder / "gateway.toml"
    file.write_text(text, encoding="utf-8", errors="replace")
    try:
        load(file)
    except ConfigError as error:
        return error
    return None


def only_mistake(text: str, folder: Path) -> str:
    """What a person reads of the one mistake that there is."""
    error = error_of(text, folder)
    assert error is not None
    assert len(error.mistakes) == 1, explain(error)
    return explain(error)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_configuration_is_good(path: Path) -> None:
    assert load(path).branch.id == "hk-central"


def test_the_configuration_that_these_tests_damage_is_good(tmp_path: Path) -> None:
    assert error_of(GOOD, tmp_path) is None


# a change of GOOD, and what the one message says
CHANGED = {
    "a table that nobody knows": ("[categories.legs]", "[htp]\n[categories.legs]", "`http`"),
    "a key that nobody knows": ('name = "Central"', 'name = "C"\nclok = 1', "mean `clock`"),
    "a secret as a key": (
        'name = "Central"',
        'name = "C"\n[mqtt]\npassword = "abc"',
        "`secrets/mqtt-password`",
    ),
    "a wrong type": ('name = "Central"', "name = 5", "must be text in quotes, not a whole number"),
    "a table that is none": ("[categories.legs]\nname", "[categories]\nlegs", "must be a table"),
    "an array that is none": ("[[sensors]]", "[sensors]", "write [[sensors]] above each one"),
    "a required key that is missing": ('name = "Leg curl 1"\n', "", "`name` here"),
    "an empty text": ('name = "Central"', 'name = ""', "must not be empty"),
    "a bad id": ('id = "hk-central"', 'id = "HK Central"', "for example `hk-central`"),
    "an id with a line end": ('id = "hk-central"', 'id = "hk\\n"', "is no id"),
    "a machine twice": ('id = "leg-curl-01"', 'id = "leg-press-01"', "machines[0] already"),
    "an unknown category": ('category = "legs"', 'category = "leg"', "mean `legs`"),
    "an unknown machine": (
        'machine = "leg-press-01"',
        'machine = "leg-press-1"',
        "mean `leg-press",
    ),
    "an unknown line": ('source = "serial:wall"', 'source = "serial:wal"', "mean `wall`"),
    "an unknown source": ('source = "serial:wall"', 'source = "radio"', "neither mqtt nor a line"),
    "an unknown driver": ('driver = "lines"', 'driver = "line"', "mean `lines`"),
    "a driver that does not fit the line": ('driver = "lines"', 'driver = "native"', "speaks mqtt"),
    "a driver beside that of the line": (
        "channel = 1",
        'channel = 1\ndriver = "native"',
        "stands with the line",
    ),
    "a channel's number in quotes": ("channel = 1", 'channel = "1"', "write 1 without quotes"),
    "a channel below zero": ("channel = 1", "channel = -1", "must be at least 0"),
    "a line's option beyond its range": (
        'driver = "lines"',
        'driver = "lines"\noptions = { repeats_every = -1 }',
        "must be at least 0",
    ),
    "a topic on a line": ("channel = 1", 'channel = 1\ntopic = "a"', "a serial line has none"),
    "options of a sensor on a line": (
        "channel = 1",
        "channel = 1\noptions = { a = 1 }",
        "move it to the line `wall`",
    ),
    "a line's option that its driver does not know": (
        'driver = "lines"',
        'driver = "lines"\noptions = { bogus = 1 }',
        "serial[0].options.bogus (wall)",
    ),
    "a serial port of another kind": ("/dev/ttyUSB0", "http://a", "use socket://"),
    "a serial server without a port": ("/dev/ttyUSB0", "socket://a", "names no port"),
    "a machine that replaces one that is still there": (
        'name = "Leg curl 1"',
        'name = "L"\nreplaces = "leg-press-01"',
        "still a machine here",
    ),
    "a sensor with the name of a native one": (
        'id = "seat"',
        'id = "leg-curl-01"',
        "native sensor",
    ),
}


@pytest.mark.parametrize("kind", CHANGED)
def test_a_mistake_is_named_with_what_to_do(kind: str, tmp_path: Path) -> None:
    old, new, said = CHANGED[kind]
    assert old in GOOD
    assert said in only_mistake(GOOD.replace(old, new, 1), tmp_path)


# lines below [branch], and what the one message says
OF_THE_BRANCH = {
    'timezone = "Asia/Hong_Kon"': "did you mean `Asia/Hong_Kong`?",
    'timezone = "../etc/passwd"': "no time zone",
    'timezone = "Asia"': "no time zone",
    "latitude = 90.1": "branch.latitude, line 4: must be at most 90",
    "longitude = -181": "must be at least -180",
    "latitude = nan": "must be a finite number",
    "longitude = inf": "must be a finite number",
    'public_url = "ftp://gym.local"': "has the scheme 'ftp'",
    'public_url = "http://gym.local/x"': "more than an origin",
    'clock = "atomic"': "there is: kernel, trusted",
    "holidays = [2026-12-25]": "must be text in quotes, not a date",
    'holidays = ["25.12.2026"]': "is no date",
    "opening_hours = {}": "closed on every day",
    'opening_hours = { fir = "06:00-23:00" }': "did you mean `fri`?",
    'opening_hours = { mon = "6-23" }': "no opening time",
    'opening_hours = { mon = "06:00-24:01" }': "no opening time",
    'opening_hours = { mon = "24:00-06:00" }': "no opening time",
    'opening_hours = { mon = "06:00-06:00" }': '"00:00-24:00"',
}


@pytest.mark.parametrize("line", OF_THE_BRANCH)
def test_a_mistake_in_the_branch_is_named(line: str, tmp_path: Path) -> None:
    text = GOOD.replace('name = "Central"\n', f'name = "Central"\n{line}\n')
    assert OF_THE_BRANCH[line] in only_mistake(text, tmp_path)


# tables put behind a good configuration, and what the one message says
APPENDED = {
    "[http]\nport = 65536": "must be at most 65535",
    '[http]\nhost = "a b"': "is no host",
    '[http]\nhost = "999.1.1.1"': "is no host",
    '[http]\nallowed_hosts = ["http://gym.local"]': "without scheme and port",
    '[http]\nallowed_hosts = "gym.local"': "must be an array",
    '[http]\ntrusted_proxies = ["proxy"]': "is no address",
    '[http]\ncors_origins = ["app.example.org"]': "has no scheme",
    '[http]\ntls = { certificate = "a" }': "http.tls.key",
    "[limits]\nrequests = 0": "must be at least 1",
    '[store]\nledger = "var/history.db"': "same file",
    "[store]\nsync_within = -1": "must be at least 0",
    "[store]\nkeep_bins_days = 1.5": "must be a whole number, not a number",
    "[backup]\nkeep = true": "must be a whole number, not true or false",
    '[mqtt]\nurl = "http://broker"': "mqtt://…, mqtts://…, unix://…",
    '[mqtt]\nurl = "mqtt://"': "names no host",
    '[mqtt]\nurl = "mqtt://host:99999"': "is no URL",
    '[mqtt]\nurl = "unix://socket"': "names no socket",
    '[mqtt]\nlisten = "1883"': "no address with a port",
    '[mqtt]\nlisten = "127.0.0.1:0"': "no address with a port",
    '[mqtt]\nlisten = "::1:1883"': "no address with a port",
    "[occupancy]\nbusy_after = -1": "must be at least 0",
    "[occupancy]\nfree_after = nan": "must be a finite number",
    "[occupancy]\nstale_after = 0": "must be more than 0",
    '[categories."Big legs"]\nname = "L"': "for example `big-legs`",
    '[alerts]\nquiet_hours = { start = "22", end = "07:00" }': "is no time of day",
    "[alerts]\nper_member = 0": "must be at least 1",
    '[notify]\nvapid_contact = "gym"': "is no contact",
    '[notify]\npush_hosts = ["a/b"]': "is no host",
    '[[serial]]\nid = "mqtt"\nport = "/dev/b"\ndriver = "lines"': "cannot be `mqtt`",
    '[upstream]\nurl = "embedded"': "has no scheme",
    "[upstream]": "upstream.url, line 29: is missing",
    '[upstream]\nurl = "mqtts://hub"\ncertificate = "/a.pem"': "upstream.key, line 29: is missing",
    '[upstream]\nurl = "mqtt://hub"\nca = "/ca.pem"': "is of no use without TLS",
    '[upstream]\nurl = "mqtt://hub"\ndrain = 0': "must be more than 0",
    '[upstream]\nurl = "mqtt://hub"\nkeep_days = 91': "must be at most 90",
    '[upstream]\nurl = "mqtt://hub"\nmax_bytes = 1000': "must be at least 1048576",
    "[simulator]": "stands together with [[serial]]",
    '[[serial]]\nid = "wall"\nport = "/dev/b"\ndriver = "lines"': "serial[0] already",
    '[[serial]]\nid = "w"\nport = "/dev/ttyUSB0"\ndriver = "lines"': "serial[0] already",
    SENSOR.replace("two", "seat"): "sensors[0] already",
    f'{SENSOR}source = "serial:wall"\nchannel = 1': "is that of the sensor `seat` already",
    f'{SENSOR}driver = "ld2410"': "`ld2410` speaks serial, not mqtt",
    f'{SENSOR}topic = "a/+"': "has a wildcard",
    f"{SENSOR}channel = 1": "native sensors have one channel",
    f"{SENSOR}options = {{ bogus = 1 }}": "sensors[1].options.bogus (two)",
    f"{SENSOR}{SENSOR.replace('two', 'three')}{NATIVE_TOPIC}": "that `two` hears for",
}


@pytest.mark.parametrize("table", APPENDED)
def test_a_mistake_in_a_table_is_named(table: str, tmp_path: Path) -> None:
    assert APPENDED[table] in only_mistake(f"{GOOD}\n{table}\n", tmp_path)


def test_a_channel_taken_twice_is_named_beside_the_sensors_other_mistakes(tmp_path: Path) -> None:
    sensor = f'{SENSOR}source = "serial:wall"\nchannel = 1\ntopic = "a/b"'
    error = error_of(f"{GOOD}\n{sensor}\n", tmp_path)
    assert error is not None
    said = explain(error)
    assert "is that of the sensor `seat` already" in said
    assert "cannot stand with a serial sensor" in said


def test_a_simulator_beside_an_upstream_is_a_mistake(tmp_path: Path) -> None:
    text = f'{SIMULATED}[upstream]\nurl = "mqtt://hub"\n'
    assert "stands together with [upstream]" in only_mistake(text, tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        '[mqtt]\nurl = "mqtts://gym:hush@broker"',
        '[upstream]\nurl = "mqtts://gym:hush@broker"',
        '[notify]\nntfy = "https://gym:hush@ntfy.example.org"',
        '[notify]\nwebhooks = ["https://gym:hush@hooks.example.org"]',
        '[mqtt]\npassword = "hush"',
        '[mqtt]\nurl = "ftp://gym:hush@broker:nonsense"',
    ],
)
def test_a_password_is_never_repeated_in_a_message(line: str, tmp_path: Path) -> None:
    assert "hush" not in only_mistake(f"{GOOD}{line}\n", tmp_path)


def test_a_password_in_a_url_is_told_where_to_go(tmp_path: Path) -> None:
    said = only_mistake(f'{GOOD}[upstream]\nurl = "mqtts://gym:hush@hub"\n', tmp_path)
    assert "carries a password" in said
    assert "`secrets/upstream-password`" in said


def test_ten_mistakes_are_all_named_in_the_order_of_lines(tmp_path: Path) -> None:
    text = """\
[branch]
id = "HK"
latitude = 100
timezone = "Mars/Base"
[http]
prot = 80
[occupancy]
busy_after = "5"
[[machines]]
id = "leg-press-01"
name = "L"
category = "legs"
[[machines]]
id = "leg-press-01"
name = 7
category = "legs"
[categories.legs]
name = "Legs"
[[sensors]]
id = "s"
machine = "leg-press-02"
source = "serial:x"
"""
    error = error_of(text, tmp_path)
    assert error is not None
    assert [mistake.place for mistake in error.mistakes] == [
        "branch.name, line 1",
        "branch.id, line 2",
        "branch.latitude, line 3",
        "branch.timezone, line 4",
        "http.prot, line 6",
        "occupancy.busy_after, line 8",
        "machines[1].id, line 14",
        "machines[1].name (leg-press-01), line 15",
        "sensors[0].machine (s), line 21",
        "sensors[0].source (s), line 22",
    ]


def test_a_message_lists_a_hundred_mistakes_and_says_that_there_are_more(tmp_path: Path) -> None:
    error = error_of(GOOD + "".join(f"[x{n}]\n" for n in range(2 * MOST)), tmp_path)
    assert error is not None
    assert len(error.mistakes) == MOST
    assert "more than 100 mistakes" in explain(error)


def test_a_file_that_is_no_toml_is_named_with_line_and_column(tmp_path: Path) -> None:
    said = only_mistake('[branch]\nid = "a"\nname "b"\n', tmp_path)
    assert "line 3, column 6: is no TOML" in said


def test_a_file_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_bytes(b'[branch]\nid = "a\xff"\n')
    with pytest.raises(ConfigError, match=r"gateway\.toml, line 2: is not UTF-8"):
        load(tmp_path / "gateway.toml")


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "#" * (LARGEST + 1)])
def test_a_file_that_is_beyond_all_measure_is_one_mistake(text: str, tmp_path: Path) -> None:
    assert only_mistake(text, tmp_path)


@pytest.mark.parametrize("name", ["nowhere.toml", ".", "file/gateway.toml"])
def test_a_file_that_cannot_be_read_is_one_mistake(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"is not there|cannot be read"):
        load(tmp_path / name)


def test_an_array_that_is_wrong_as_a_whole_hides_what_would_follow_from_it(tmp_path: Path) -> None:
    text = GOOD.split("[[machines]]", maxsplit=1)[0] + "[machines]" + SENSOR
    assert "write [[machines]]" in only_mistake(text, tmp_path)


def test_control_characters_of_the_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    said = only_mistake(f'{GOOD}["\\u001b[2J\\u009b"]\n', tmp_path)
    assert "x1b" in said
    assert said.replace("\n", "").isprintable()


@settings(deadline=None)  # a loaded machine is slow, and this is no bench
@given(
    st.sampled_from(SHIPPED),
    st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 40), st.text(max_size=6)), max_size=4),
    st.integers(0, 6000),
)
def test_a_damaged_configuration_never_raises_anything_but_its_own_error(
    tmp_path_factory: pytest.TempPathFactory, path: Path, cuts: list[tuple[int, int, str]], end: int
) -> None:
    text = path.read_text(encoding="utf-8")
    for at, length, instead in cuts:
        text = text[:at] + instead + text[at + length :]
    damaged = text[-end:] if end % 2 else text
    error = error_of(damaged, tmp_path_factory.getbasetemp())
    assert error is None or error.mistakes
