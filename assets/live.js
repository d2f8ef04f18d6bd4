// Keeps a part of a page up to date: <section id="..." data-live="/api/events?topic=tasks%2F*" data-live-topic="tasks/*">.
// When an event of the topic arrives, the page is fetched again and that part put in its place, so that what it looks
// like is known to the server alone. The page is complete without this script.
"use strict";
(() => {
  const SETTLE_MS = 120; // events that come together are one refresh
  const RETRY_MS = [1000, 2000, 5000, 10000, 30000];

  function keepLive(region) {
    let source = null;
    let timer = 0;
    let failures = 0;
    let fetching = false;
    let again = false;

    const put = (text) => {
      const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(region.id);
      const now = document.getElementById(region.id);
      if (!fresh || fresh.innerHTML === now.innerHTML) return;
      const focused = now.contains(document.activeElement) ? document.activeElement : null;
      const key = focused && (focused.id ? `#${CSS.escape(focused.id)}` : `[href="${CSS.escape(focused.getAttribute("href") || "")}"]`);
      now.replaceChildren(...fresh.childNodes);
      if (key) now.querySelector(key)?.focus({ preventScroll: true });
      const status = document.getElementById(`${region.id}-status`);
      if (status) status.textContent = region.dataset.liveMessage || "";
    };

    const refresh = async () => {
      if (fetching) {
        again = true;
        return;
      }
      fetching = true;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
        if (answer.ok) put(await answer.text());
      } catch {
        // The stream reconnects by itself and asks for a refresh then.
      }
      fetching = false;
      if (again) {
        again = false;
        soon();
      }
    };

    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(refresh, SETTLE_MS);
    };

    const open = () => {
      source = new EventSource(region.dataset.live);
      // Also at the first time: something may have changed between the page and the stream.
      source.onopen = () => {
        failures = 0;
        soon();
      };
      source.addEventListener(region.dataset.liveTopic, soon);
      source.onerror = () => {
        if (source.readyState !== EventSource.CLOSED) return;
        const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
        failures += 1;
        setTimeout(() => {
          if (source && document.visibilityState === "visible") open();
        }, wait);
      };
    };

    const close = () => {
      source?.close();
      source = null;
    };

    // A hidden page gives its connection back: a browser has only six to one host.
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") {
        if (!source) open();
      } else {
        close();
      }
    });
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", (event) => {
      if (event.persisted && !source) open();
    });
    if (document.visibilityState === "visible") open();
  }

  for (const region of document.querySelectorAll("[data-live]")) keepLive(region);
})();
