"""What .ci/report has a browser do: report.py CHROMIUM FOLDER, with NAME.json and NAME.html in the folder."""

import json
import pathlib
import re
import sys

from playwright.sync_api import sync_playwright

chromium, folder = sys.argv[1], pathlib.Path(sys.argv[2])
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 375, "height": 800}


def check(holds, message):
    if not holds:
        sys.exit(f"report: {message}")


def number(text):
    return int(re.sub(r"[^0-9]", "", text))


def shown(page):
    return page.eval_on_selector_all("main > section", "all => all.filter(s => s.checkVisibility()).map(s => s.id)")


def open_page(browser, name, viewport, scheme, javascript=True):
    context = browser.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=javascript)
    page = context.new_page()
    page.problems = []
    page.on("console", lambda m: page.problems.append(m.text) if m.type in ("error", "warning") else None)
    page.on("dialog", lambda d: (page.problems.append(d.message), d.dismiss()))
    page.on("pageerror", lambda e: page.problems.append(str(e)))
    page.on("request", lambda r: page.problems.append(r.url) if not r.url.startswith("file:") else None)
    page.goto((folder / f"{name}.html").as_uri())
    return page


def sections(page):
    return page.eval_on_selector_all("nav a", "all => all.map(a => a.hash.slice(1))")


def totals(page, report, name):
    """Every single value of the report is on the page, and as it is there."""
    facts = page.eval_on_selector_all("[data-fact]", "all => all.map(e => [e.dataset.fact, e.textContent])")
    facts = dict(facts)
    compared = 0
    for analysis, found in report["analyses"].items():
        for key, value in found.items():
            if isinstance(value, int):
                check(number(facts[f"{analysis}.{key}"]) == value, f"{name}: {analysis}.{key} is not {value}")
                compared += 1
    check(number(facts["module.bytes"]) == report["module"]["bytes"], f"{name}: other bytes")
    for analysis in ("profile", "sample"):
        if analysis in report["analyses"]:
            flame = page.text_content(f'[data-flame-total="{analysis}"]')
            total = report["analyses"][analysis]["total"]
            check(number(flame) == total, f"{name}: the flame graph of {analysis} is not {total}")
    return compared


def click_through(page, name):
    for section in sections(page):
        page.click(f'nav a[href="#{section}"]')
        page.wait_for_function("id => document.getElementById(id).checkVisibility()", arg=section)
        check(shown(page) == [section], f"{name}: {section} is shown with others: {shown(page)}")
        current = page.get_attribute(f'nav a[href="#{section}"]', "aria-current")
        check(current == "page", f"{name}: {section} is not marked")
    page.go_back()
    page.wait_for_function("id => document.getElementById(id).checkVisibility()", arg=sections(page)[-2])


def flame_graph(page, report, name, function):
    page.click('nav a[href="#flame"]')
    tree = report["analyses"]["profile"]["tree"]
    total = report["analyses"]["profile"]["total"]
    frames = page.locator(".frame")
    before = frames.count()
    check(before > 3, f"{name}: {before} frames")
    check(frames.first.text_content() == "whole run", f"{name}: no root")
    frame = page.locator(".frame", has_text=re.compile(f"^{function}$")).first
    narrow = frame.bounding_box()["width"]
    frame.hover()
    detail = page.text_content("#flame-detail")
    node = max((n for n in tree if n["name"] == function), key=lambda n: n["total"])
    wanted = f"{function}: {node['total']:,} instructions with callees ({node['total'] * 100 / total:.1f} %), {node['self']:,} its own"
    check(detail.startswith(wanted), f"{name}: {detail} is not {wanted}")
    frame.click()
    zoomed = page.locator(".frame", has_text=re.compile(f"^{function}$")).first.bounding_box()["width"]
    check(zoomed > narrow and zoomed > 0.95 * page.locator("#flame-view").bounding_box()["width"], f"{name}: no zoom: {zoomed}")
    page.keyboard.press("Escape")
    check(frames.count() == before, f"{name}: Escape does not show the whole run")
    # By keyboard alone: one stop of Tab, arrows from there.
    check(page.locator(".frame[tabindex='0']").count() == 1, f"{name}: several frames are stops of Tab")
    frames.first.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    focused = page.evaluate("document.activeElement.dataset.depth")
    check(focused == "2", f"{name}: arrows lead to {focused}")
    page.keyboard.press("Enter")
    check(page.is_enabled("#flame-reset"), f"{name}: Enter does not zoom")
    page.click("#flame-reset")
    page.fill("#flame-search", function)
    found = page.text_content("#flame-found")
    # Names are searched for a part of them; what is below what was found is found already.
    by_node = {n["node"]: n for n in tree}

    def is_below_found(node):
        node = by_node.get(node["parent"])
        return node is not None and (function in node["name"] or is_below_found(node))

    weight = sum(n["total"] for n in tree if function in n["name"] and not is_below_found(n))
    check(found == f"found in {weight * 100 / total:.1f} %", f"{name}: {found}, of {weight} in {total}")
    page.screenshot(path=folder / f"{name}-flame-search.png")
    page.fill("#flame-search", "")
    page.select_option("#flame-colour", "own")
    check(page.locator(".frame.own").count() == before - 1, f"{name}: no colours by weight")
    page.select_option("#flame-colour", "name")


def sorting(page, report, name):
    page.click('nav a[href="#functions"]')
    table = page.locator("#all-functions")
    column = [h.strip() for h in table.locator("th").all_text_contents()].index("executed")
    counts = [f["count"] for f in report["analyses"]["icount"]["functions"]]

    def first():
        return number(table.locator("tbody tr").first.locator("td").nth(column).text_content())

    header = table.locator("th button").nth(column)
    header.click()
    check(first() == max(counts), f"{name}: not the highest count first")
    check(table.locator("th").nth(column).get_attribute("aria-sort") == "descending", f"{name}: sorted, not said")
    header.click()
    check(first() == min(counts), f"{name}: not the lowest count first")
    header.click()


def filtering(page, name, function):
    filters = page.locator("#functions input[type=search]:visible")
    filters.first.fill(function)
    rows = page.locator("#all-functions tbody tr:visible").all_text_contents()
    check(rows and all(function in row for row in rows), f"{name}: the filter shows {rows}")
    filters.first.fill("")
    more = page.locator("#functions button", has_text="Show all").first
    before = page.locator("#all-functions tbody tr:visible").count()
    more.click()
    check(page.locator("#all-functions tbody tr:visible").count() > before, f"{name}: no more rows")


def source(page, report):
    page.click('nav a[href="#source"]')
    lines = report["analyses"]["coverage"]["data"]["modules"][0]["files"][0]["lines"]
    for line in lines:
        cells = page.locator(f"#f0l{line['line']} td").all_text_contents()
        check(number(cells[1]) == line["count"], f"line {line}: {cells}")
    missed = {line["line"] for line in lines if line["count"] == 0}
    marked = page.eval_on_selector_all("#source tr.miss", "all => all.map(r => Number(r.id.split('l')[1]))")
    check(missed == set(marked), f"missed lines {missed}, marked {marked}")
    check("int" in page.text_content("#source table.source"), "no text of the source")
    page.goto(page.url.split("#")[0] + "#f0l40")
    check(shown(page) == ["source"], "a link to a line does not open the source")


def dark(page, name):
    def background():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = background()
    page.click("#theme")
    check(background() != light and page.text_content("#theme") == "Light", f"{name}: not dark")
    page.click("#theme")
    check(background() == light, f"{name}: not light again")


CONTRAST = """() => {
  // WCAG's ratio of text to what is behind it, the lowest of all that is shown.
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b; };
  let least = { ratio: 99 };
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.disabled || e.tagName === "OPTION" || !e.checkVisibility()) continue;
    const style = getComputedStyle(e);
    let behind = e;
    while (behind && rgba(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
    const backs = [getComputedStyle(behind ?? document.body).backgroundColor];
    const shade = style.getPropertyValue("--shade").trim();
    if (shade && style.backgroundImage !== "none") backs.push(style.backgroundImage.match(/(rgba?|oklab|color)\\([^)]*\\)/)[0]);
    for (const back of backs) {
      const [a, b] = [light(rgba(style.color)), light(rgba(back))];
      const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
      if (ratio < least.ratio) least = { ratio, text: e.textContent.slice(0, 40), color: style.color, back, on: e.className };
    }
  }
  return least;
}"""

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    for name, function in (("account", "book"), ("primes", "is_prime"), ("bare", None)):
        report = json.loads((folder / f"{name}.json").read_text())
        page = open_page(browser, name, WIDE, "light")
        compared = totals(page, report, name)
        click_through(page, name)
        if function:
            flame_graph(page, report, name, function)
            sorting(page, report, name)
        if name == "primes":
            filtering(page, name, function)
        if name == "account":
            source(page, report)
        dark(page, name)
        missing = page.locator("nav a.missing").count()
        check(missing == {"account": 0, "primes": 1, "bare": 7}[name], f"{name}: {missing} sections are missing")
        check(not page.problems, f"{name}: {page.problems}")
        page.context.close()
        pictures = 0
        for scheme in ("light", "dark"):
            for viewport in (WIDE, NARROW):
                page = open_page(browser, name, viewport, scheme)
                for section in sections(page):
                    page.click(f'nav a[href="#{section}"]')
                    page.wait_for_function("id => document.getElementById(id).checkVisibility()", arg=section)
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    check(wide <= viewport["width"], f"{name}: {section} is {wide} wide of {viewport['width']}")
                    least = page.evaluate(CONTRAST)
                    check(least["ratio"] >= 4.5, f"{name}: {section}, {scheme}: contrast {least}")
                    page.screenshot(path=folder / f"{name}-{section}-{scheme}-{viewport['width']}.png")
                    pictures += 1
                check(not page.problems, f"{name}: {page.problems}")
                page.context.close()
        plain = open_page(browser, name, WIDE, "light", javascript=False)
        everything = plain.locator("main > section:visible").count()
        check(everything == plain.locator("main > section").count(), f"{name}: sections are hidden without the script")
        if function:
            check(plain.locator("#hottest tbody tr:visible").count() > 0, f"{name}: no rows without the script")
        plain.context.close()
        print(f"report: {name}: {compared} totals are those of the JSON, {pictures} screenshots")
    hostile = open_page(browser, "hostile", WIDE, "light")
    click_through(hostile, "hostile")
    made = hostile.locator("img, u, i, main script, section b b").count()
    check(made == 0, f"hostile: {made} elements are made of names")
    hostile.click('nav a[href="#flame"]')
    hostile.fill("#flame-search", "<img")
    check(hostile.text_content("#flame-found") == "found in 100.0 %", "hostile: names are not found")
    check(hostile.locator(".frame").nth(1).text_content().startswith("</script><img"), "hostile: no such name")
    hostile.click('nav a[href="#summary"]')
    hostile.screenshot(path=folder / "hostile.png")
    check(not hostile.problems, f"hostile: {hostile.problems}")
    print("report: names that mean harm are text")
    browser.close()
print(f"report: the pages are as they should be; screenshots in {folder}")
