"""Opens the dashboard of a running fleet and reads it.

DASHBOARD_URL (http://127.0.0.1:8090/), SHOTS (a folder).
"""

import browser

URL = browser.setting("DASHBOARD_URL", "http://127.0.0.1:8090/")
SHOTS = browser.setting("SHOTS", ".flotilla/screenshots")
SERVER = "81384788765712384"


def test(checks):
    with browser.pages(SHOTS) as open_page:
        looked = open_page(bypass_csp=True, color_scheme="dark")
        looked.goto(URL)
        looked.locator(".cell[data-slot]").first.wait_for()
        checks.accessible(looked, "the dashboard")
        looked.get_by_role("button", name="Table").click()
        checks.accessible(looked, "the table of shards")
        looked.screenshot(path=f"{SHOTS}/dashboard-table.png", full_page=True)
        looked.context.close()

        page = open_page()
        page.goto(URL)
        page.get_by_text("Live", exact=True).wait_for()
        checks.check("the page is live")
        cells = page.locator(".cell[data-slot]")
        cells.first.wait_for()
        cluster = page.request.get(f"{URL}api/v1/cluster").json()
        checks.check("each slot has its cell", cells.count() == len(cluster["slots"]))
        workers = [member for member in cluster["members"] if member["kind"] == "worker"]
        cards = [page.get_by_role("heading", name=worker["id"], exact=True).count() for worker in workers]
        checks.check("each worker has its card", cards == [1] * len(workers))

        shards = cluster["applications"][0]["numShards"]
        page.get_by_label("Find my shard").fill(SERVER)
        page.keyboard.press("Enter")
        wanted = f"is on shard {(int(SERVER) >> 22) % shards} of {shards}"
        checks.check("a server id finds its shard", wanted in page.locator("#find-answer").inner_text())
        cells.first.hover()
        page.get_by_role("tooltip").wait_for()
        checks.check("a cell tells more", "Watermark" in page.get_by_role("tooltip").inner_text())
        page.screenshot(path=f"{SHOTS}/dashboard.png", full_page=True)

        page.route("**/api/v1/*", lambda route: route.abort())
        page.get_by_role("alert").wait_for()
        checks.check("an API server that is away is told", "can't be reached" in page.get_by_role("alert").inner_text())
        page.screenshot(path=f"{SHOTS}/dashboard-away.png")
        page.unroute("**/api/v1/*")
        page.get_by_role("button", name="Try now").click()
        page.get_by_text("Live", exact=True).wait_for()
        checks.check("and it comes back", page.locator("#banner").is_hidden())

        page.set_viewport_size({"width": 390, "height": 800})
        width = page.evaluate("document.documentElement.scrollWidth")
        checks.check("nothing overflows at phone width", width <= 390, f"({width} px)")
        page.screenshot(path=f"{SHOTS}/dashboard-phone.png", full_page=True)
        checks.clean(page)


if __name__ == "__main__":
    browser.run("dashboard", test)
