"""The service answers in the language that it is asked in, and tells everybody's news in English."""

FIT = "/api/v1/cluster/fit"


async def test_reasons_are_in_the_language_of_the_request(service, simulator, node) -> None:
    simulator.add(node("small", cpu="2", memory="4Gi"))
    await service.until(lambda nodes: len(nodes) == 1)

    async def words(**headers: str) -> tuple[str, str]:
        answer = await service.client.post(FIT, json={"ask": {"cpu": "1.5", "memory": "9.5Gi"}}, headers=headers)
        body = answer.json()
        return body["nodes"]["small"]["reasons"][0]["text"], body["answer_text"]

    assert await words() == (
        "has only 4 GiB of memory (9.5 asked)",
        "There is no room, and none is made when other pods end.",
    )
    assert await words(**{"Accept-Language": "de-AT, en;q=0.5"}) == (
        "hat nur 4 GiB Arbeitsspeicher (9,5 verlangt)",
        "Es ist kein Platz, und es wird auch keiner, wenn andere Pods enden.",
    )
    assert (await words())[0].startswith("has only")


async def test_the_dashboard_is_in_the_language_of_the_browser_or_the_chosen_one(service) -> None:
    async def page(**headers: str) -> str:
        return (await service.client.get("/", headers=headers)).text

    assert '<html lang="en" dir="ltr">' in await page()
    german = await page(**{"Accept-Language": "de"})
    assert '<html lang="de" dir="ltr">' in german
    assert "Würde es passen?" in german
    assert '<html lang="en" dir="ltr">' in await page(**{"Accept-Language": "de", "Cookie": "moorage-language=en"})
