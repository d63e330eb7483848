"""A choice in the form on its way to the pod, through a real hub, a real proxy and the real KubeSpawner on the simulated cluster."""

import json
import re
from urllib.parse import urljoin

import pytest
from yarl import URL

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORM = {"node": "atlas", "cpu": "2", "memory": "3Gi", "gpu": "1", "gpu_resource": "nvidia.com/gpu", "image": "minimal"}


async def test_the_pod_asks_for_exactly_what_the_form_said(hub, person, cluster, load):
    pods = load("moorage_test_pods")

    status, where = await person.submit(**FORM)

    assert status == 302, where
    pod = await load("moorage_test_rig").until(lambda: pods.pod_of(cluster, person.name), what=hub.tail)
    assert pods.asked(pod) == pods.EXACTLY


async def test_a_node_is_chosen_by_its_hostname_label_and_not_by_its_name(hub, person, cluster, load):
    pods = load("moorage_test_pods")

    await person.submit(**{**FORM, "node": "renamed.example.org", "gpu": "0"})

    pod = await load("moorage_test_rig").until(lambda: pods.pod_of(cluster, person.name), what=hub.tail)
    assert pods.asked(pod)["selector"] == {"kubernetes.io/hostname": "renamed-label"}


async def test_a_machine_that_may_come_is_chosen_by_its_pools_label(hub, person, cluster, load):
    pods = load("moorage_test_pods")

    page = await person.form()
    await person.submit(**{**FORM, "node": "~pool-a/m5.large", "gpu": "0", "memory": "4Gi"})

    pod = await load("moorage_test_rig").until(lambda: pods.pod_of(cluster, person.name), what=hub.tail)
    assert pods.asked(pod)["selector"] == {"karpenter.sh/nodepool": "pool-a"}
    assert '<option value="~pool-a/m5.large">New machine m5.large (2 CPU, 8 GiB; can be added)</option>' in page


async def test_automatic_selects_no_node(hub, person, cluster, load):
    pods = load("moorage_test_pods")

    await person.submit(**{**FORM, "node": "", "gpu": "0"})

    pod = await load("moorage_test_rig").until(lambda: pods.pod_of(cluster, person.name), what=hub.tail)
    assert pods.asked(pod)["selector"] is None
    assert pods.asked(pod)["limits"] == {"cpu": "2", "memory": "3Gi"}


async def test_amounts_are_taken_as_people_type_them(hub, person, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until

    await person.submit(**{**FORM, "node": "", "cpu": "１,５ cores", "memory": "2560 mb", "gpu": "0"})

    pod = await until(lambda: pods.pod_of(cluster, person.name), what=hub.tail)
    assert pods.asked(pod)["limits"] == {"cpu": "1500m", "memory": "2560Mi"}
    await hub.api("DELETE", f"/users/{person.name}/server")
    await until(lambda: _gone(hub, person.name))
    page = " ".join((await person.form()).split())
    assert 'name="cpu" value="1.5"' in page
    assert 'name="memory" value="2.5 GiB"' in page


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cpu": ""}, "CPU is empty. Enter an amount, such as 1."),
        ({"memory": "1,024 MB"}, "can mean 1024 or 1.024"),
        ({"node": "gone"}, "There is no node “gone”"),
        ({"cpu": "many"}, "“many” is not a valid amount"),
        ({"memory": "512m"}, "write 512Mi"),
        ({"memory": "9Ti"}, "too much"),
        ({"gpu": "7"}, "too much"),
        ({"image": "<script>alert(1)</script>"}, "&lt;script&gt;"),
        ({"node": "cordoned"}, "cordoned"),
    ],
)
async def test_a_refusal_keeps_the_page_and_the_values_and_counts_as_nothing(hub, person, change, words):
    status, page = await person.submit(**{**FORM, **change})

    assert status in (400, 200)  # JupyterHub 5 shows the page again without a status
    assert words in page
    assert f'value="{"3Gi" if "cpu" in change else 2}"' in page
    assert await hub.failures() == 0


async def test_a_refused_named_server_shows_its_own_form_again(hub, person):
    status, page = await person.submit(f"/hub/spawn/{person.name}/second", **{**FORM, "cpu": "many"})

    assert status in (400, 200)
    assert "“many” is not a valid amount" in page
    assert island(page)["server"] == "second"
    assert await hub.failures() == 0


def island(page):
    return json.loads(re.search(r'id="moorage-data">(.*?)</script>', page, re.DOTALL)[1])


async def test_the_form_has_the_labels_that_people_and_tests_find_it_by(person):
    page = await person.form()

    for label, name in (("Node", "node"), ("CPU", "cpu"), ("Memory", "memory"), ("GPU", "gpu"), ("Image", "image")):
        assert f'<label class="form-label" for="moorage-{name}">{label}</label>' in page
        assert re.search(rf'<(?:select|input)[^>]*id="moorage-{name}"[^>]*name="{name}"', page, re.DOTALL), name
    assert re.search(r"<button[^>]*>Start</button>", page)


async def test_the_form_says_what_is_free_without_any_script(person):
    page = await person.form()

    assert "atlas (11.5 CPU, 54 GiB, 1 GPU free)" in page
    assert "11.5 of 16 CPU" in page
    assert "cordoned" in page


async def test_a_node_without_hostname_label_says_why_it_can_not_be_chosen(person, fake_service, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    fake_service.put(fake.node_json("nameless", hostname=None))

    async def told():
        return (
            '<option value="nameless" disabled>nameless (can&#x27;t be chosen: no hostname label)'
            in await person.form()
        )

    await until(told)
    fake_service.remove("nameless")


async def test_a_hostile_name_stays_text(person, fake_service, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    name = "</script><script>alert(1)</script>"
    fake_service.put(fake.node_json(name, cards=[{"model": "<img src=x onerror=alert(1)>"}]))
    page = await until(lambda: _page_with(person, "&lt;script&gt;alert(1)"))

    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    fake_service.remove(name)


async def _page_with(person, text):
    page = await person.form()
    return page if text in page else None


async def test_the_last_choice_is_selected_again(hub, person, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    await person.submit(**FORM)
    await until(lambda: pods.pod_of(cluster, person.name))
    await hub.api("DELETE", f"/users/{person.name}/server")
    await until(lambda: _gone(hub, person.name))

    page = await person.form()

    assert '<option selected value="atlas">' in page
    assert re.search(r'name="memory"\s+value="3 GiB"', page)


async def _gone(hub, name):
    return not (await hub.api("GET", f"/users/{name}"))[1]["servers"]


@pytest.mark.parametrize("mode", ["slow", "silent", "nonsense", "error"])
async def test_a_service_that_does_not_answer_is_told_on_a_form_that_can_be_sent(person, fake_service, load, mode):
    until = load("moorage_test_rig").until
    fake_service.mode = mode
    fake_service.drop()

    page = await until(lambda: _page_with(person, "may have changed"))

    assert "You can still start a server" in page
    fake_service.mode = "ok"
    await until(lambda: _page_without(person, "may have changed"))


async def _page_without(person, text):
    return text not in await person.form()


QUERY = "node=atlas&gpu=1&cpu=11&memory=5Gi&image=minimal"


@pytest.mark.parametrize(
    ("query", "filled"),
    [
        (QUERY, ['<option selected value="atlas">', 'name="cpu" value="11"', 'name="memory" value="5Gi"']),
        (QUERY.replace("&", "&opt-").replace("node", "opt-node", 1), ['name="cpu" value="11"']),
        ("cpu=3&cpu=4", ['name="cpu" value="1"']),
        ("node=vanished", ["vanished (gone)", "There is no node “vanished”"]),
        ("_xsrf=1&utm_source=x", ['name="cpu" value="1"']),
    ],
    ids=["choice", "prefixed", "twice", "gone", "of no meaning"],
)
async def test_a_link_fills_in_the_form_and_starts_nothing(hub, person, cluster, load, query, filled):
    for server in ("", "/second"):
        async with person.http.get(f"{hub.url}/hub/spawn/{person.name}{server}?{query}") as answer:
            page = await answer.text()

        assert answer.status == 200
        assert "spawn-error-msg" not in page
        assert [part for part in filled if part not in " ".join(page.split())] == []
        assert ("Nothing has been started" in page) is (filled[0] != 'name="cpu" value="1"')
        assert island(page)["server"] == server.removeprefix("/")
    assert (await hub.api("GET", f"/users/{person.name}"))[1]["servers"].get("", {}).get("pending") is None
    assert load("moorage_test_pods").pod_of(cluster, person.name) is None
    assert await hub.failures() == 0


async def test_a_form_of_another_site_starts_nothing(hub, person, cluster, load):
    data = FORM | {"sent": "yes"}
    headers = {"Origin": "https://other.example", "Referer": "https://other.example/", "Sec-Fetch-Site": "cross-site"}

    async with person.http.post(f"{hub.url}/hub/spawn", data=data, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 403

    assert load("moorage_test_pods").pod_of(cluster, person.name) is None


async def test_a_node_that_is_cordoned_meanwhile_stays_the_choice(hub, person, cluster, load):
    for _ in range(2):
        _, page = await person.submit(**{**FORM, "node": "cordoned"})

        assert '<option selected value="cordoned">cordoned (cordoned)</option>' in page
        assert '<option value="atlas">' in page
    assert load("moorage_test_pods").pod_of(cluster, person.name) is None


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"node": "gone<"}, '<option selected value="gone&lt;">gone&lt; (gone)</option>'),
        ({"image": "gone<"}, '<option value="gone&lt;" selected>gone&lt; (not offered)</option>'),
        ({"gpu_resource": "x/y<"}, '<option value="x/y&lt;" selected>y&lt; (not offered)</option>'),
    ],
)
async def test_what_is_gone_stays_the_choice_and_is_marked(person, change, kept):
    _, page = await person.submit(**{**FORM, **change})

    assert kept in page


async def test_static_files_and_the_stream_come_with_the_spawner_alone(hub, person):
    page = await person.form()
    module = re.search(r'src="([^"]+form\.js)"', page)[1]

    async with person.http.get(hub.url + module) as answer:
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.content_type in ("text/javascript", "application/javascript")
    async with person.http.get(f"{hub.url}/hub/moorage/stream?_xsrf={xsrf(page)}") as answer:
        assert answer.status == 200
        assert (await answer.content.readline()) == b"event: snapshot\n"


async def test_of_our_package_only_the_pages_files_are_served(hub, person):
    module = hub.url + re.search(r'src="([^"]+form\.js)"', await person.form())[1]

    async def status(path):
        async with person.http.get(URL(urljoin(module, path), encoded=True)) as answer:
            return answer.status

    assert await status("../../../web/stream.js") == 200
    for path in ("../../spawner.py", "../form.py", "../../../web/..%2fhub/spawner.py", "../../../web/", "nowhere.js"):
        assert await status(path) == 404, path


def xsrf(page):
    return re.search(r'action="[^"]*_xsrf=([^"&]+)', page)[1]


async def test_the_stream_is_for_people_who_are_logged_in(hub, person):
    import aiohttp

    async with (
        aiohttp.ClientSession() as stranger,
        stranger.get(f"{hub.url}/hub/moorage/stream", allow_redirects=False) as answer,
    ):
        assert answer.status in (302, 403)


async def ask_fit(hub, person, **body):
    token = xsrf(await person.form())
    async with person.http.post(f"{hub.url}/hub/moorage/fit", json=body, headers={"X-XSRFToken": token}) as answer:
        return answer.status, await answer.json()


async def test_the_verdict_is_on_the_very_pod_without_its_secrets(hub, person, fake_service):
    fake_service.asked.clear()

    status, answer = await ask_fit(hub, person, user=person.name, server="", **FORM)

    assert (status, answer["fits"]) == (200, True)
    pod = fake_service.asked[-1]["pod"]
    assert pod["metadata"]["namespace"] == "jupyter"
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "atlas"}
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "3Gi", "nvidia.com/gpu": "1"}
    assert "env" not in pod["spec"]["containers"][0]


async def test_the_verdict_on_nonsense_is_a_refusal_in_words(hub, person):
    status, answer = await ask_fit(hub, person, cpu="many")

    assert status == 200
    assert "not a valid amount" in answer["refusal"]


async def test_nobody_asks_about_the_server_of_somebody_else(hub, person):
    other = await hub.log_in("somebody-else")
    await other.close()

    status, _ = await ask_fit(hub, person, user="somebody-else", **FORM)

    assert status in (403, 404)


async def test_a_verdict_that_does_not_come_is_unknown(hub, person, fake_service):
    fake_service.verdict = lambda asked: ["nonsense"]

    status, answer = await ask_fit(hub, person, **FORM)

    assert status == 200
    assert "unknown" in answer
