"""Forms as a browser without scripts fills and sends them."""

from html.parser import HTMLParser


class Form(HTMLParser):
    """The page's form that posts: its action, and the values a browser would send."""

    def __init__(self, page):
        super().__init__()
        self.action, self.values, self.area = None, {}, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.posts = given.get("method", "get").lower() == "post"
            if self.posts:
                self.action = given["action"]
        elif not getattr(self, "posts", False) or "name" not in given:
            return
        elif tag == "textarea":
            self.area = given["name"]
            self.values[self.area] = ""
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.values[given["name"]] = given.get("value", "")

    def handle_data(self, data):
        if self.area:
            self.values[self.area] += data

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.values[self.area] = self.values[self.area].removeprefix("\n")
            self.area = None
        elif tag == "form":
            self.posts = False


def cookies_of(answer):
    """What the browser sends back."""
    values = answer.headers.get_all("Set-Cookie") or []
    return "; ".join(value.split(";", 1)[0] for value in values)


def send(browser, page, cookies=None, **values):
    """Types the values into the page's form and submits it, with the cookies of this or an earlier page."""
    form = Form(page.text)
    return browser.post(form.action, form={**form.values, **values}, Cookie=cookies_of(cookies or page))


def fill_in(browser, path, **values):
    """Opens the form, types the values, submits it."""
    page = browser.get(path)
    assert page.status == 200, page
    return send(browser, page, **values)
