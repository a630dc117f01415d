/* Keeps an open page as things are: it is told that something has changed, asks for itself again and puts in what is
   new. Without it the page stands as it was loaded. What somebody types, has unfolded or has focused is left alone. */
"use strict";
{
  const FIRST_PAUSE = 2000; // milliseconds, all of them: until the next try after an answer that is no stream
  const LONGEST_PAUSE = 15000;
  const FETCH_GAP = 500; // from one fetch to the next, and twice what the last one took: who is slow is asked less
  const LONGEST_GAP = 10000;
  const FETCH_WITHIN = 20000;
  const GRACE = 2500; // a stream that is back by then was never away for who looks at the page
  const SILENT = 25000; // the daemon says something every 10 s

  const address = document.body.dataset.live;
  const FIELDS = "input, select, textarea";

  // -- times ----------------------------------------------------------------------------------------------------------

  let ahead = 0; // by how much the daemon's clock is ahead of the one here

  const clock = (at) => new Date(at).toTimeString().slice(0, 8);
  const two = (number) => String(number).padStart(2, "0");

  function left(milliseconds) {
    const seconds = Math.ceil(milliseconds / 1000);
    if (seconds <= 0) return "now";
    if (seconds < 60) return `in ${seconds}s`;
    if (seconds < 3600) return `in ${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 1440) return `in ${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
    return `in ${Math.floor(minutes / 1440)}d${two(Math.floor((minutes % 1440) / 60))}h`;
  }

  function say(element, text) {
    if (element && element.textContent !== text) element.textContent = text;
  }

  function countDown() {
    for (const each of document.querySelectorAll("time[data-countdown]")) {
      const at = Date.parse(each.dateTime);
      if (!Number.isNaN(at)) say(each, left(at - Date.now() - ahead));
    }
  }

  function tellLocalTimes() {
    for (const each of document.querySelectorAll("time[datetime]:not([data-countdown])")) {
      const at = Date.parse(each.dateTime);
      const local = Number.isNaN(at) ? "" : new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "long" });
      if (local && each.title !== local) each.title = local;
    }
  }

  // -- the page -------------------------------------------------------------------------------------------------------

  function isTouched(field) {
    if (field === document.activeElement) return true;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.localName !== "select") return field.value !== field.defaultValue;
    const options = [...field.options];
    if (field.multiple) return options.some((each) => each.selected !== each.defaultSelected);
    return field.selectedIndex !== Math.max(0, options.findLastIndex((each) => each.defaultSelected));
  }

  function isInUse(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return false;
    if (node.matches("dialog[open]")) return true;
    if (node.matches("form")) return [...node.elements].some((each) => each.matches(FIELDS) && isTouched(each));
    return node.matches(FIELDS) && isTouched(node);
  }

  function mayGo(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return true;
    const inUse = isInUse(node) || [...node.querySelectorAll(`dialog, ${FIELDS}`)].some(isInUse);
    if (inUse) node.dataset.gone = ""; // it stands for what is no more, and somebody writes in it
    return !inUse;
  }

  function isOurs(name, element) {
    return (name === "open" && element.matches("details, dialog")) || (name === "title" && element.matches("time"));
  }

  const CALLBACKS = {
    beforeNodeMorphed: (old) => !isInUse(old),
    beforeNodeRemoved: mayGo,
    beforeAttributeUpdated: (name, element) => !isOurs(name, element),
  };

  function files(page) {
    const all = [...page.querySelectorAll("script[src], link[rel=stylesheet]")];
    return all.map((each) => (each.attributes.src ?? each.attributes.href).value);
  }

  function put(page) {
    const main = document.querySelector("main");
    const here = files(document);
    const isUpgraded = files(page).some((each) => !here.includes(each));
    if (isUpgraded && ![...main.querySelectorAll(`dialog, ${FIELDS}`)].some(isInUse)) {
      location.reload();
      return;
    }
    const headline = () => document.getElementById("headline")?.textContent.trim() ?? "";
    const before = headline();
    const focused = document.activeElement;
    if (document.title !== page.title) document.title = page.title;
    Idiomorph.morph(main, page.querySelector("main"), { callbacks: CALLBACKS });
    if (document.activeElement !== focused) {
      (focused.isConnected ? focused : document.getElementById(focused.id))?.focus({ preventScroll: true });
    }
    countDown();
    tellLocalTimes();
    if (headline() !== before) say(document.getElementById("news"), headline());
  }

  let told = ""; // the version that the stream has told of last
  let shown = document.body.dataset.version ?? ""; // the one that the page shows, or a newer one
  let fresh = Date.now(); // when the page was surely as things are
  let failures = 0; // fetches in a row, the last one among them
  let fetching = false;
  let wanted = false;
  let notBefore = 0;

  async function fetched() {
    const version = told;
    try {
      const answer = await fetch(location.href, {
        headers: { Accept: "text/html" },
        credentials: "same-origin",
        cache: "no-store",
        signal: AbortSignal.timeout(FETCH_WITHIN),
      });
      if (answer.redirected) {
        location.assign(answer.url); // such as to sign in
        return true;
      }
      if (!answer.ok) return false;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      put(page);
      shown = page.body.dataset.version ?? version;
      fresh = Date.now();
      return true;
    } catch {
      return false;
    }
  }

  const pauseAfter = (tries) => Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(tries - 1, 9));

  async function refresh() {
    wanted = true;
    if (fetching) return;
    fetching = true;
    while (wanted) {
      await new Promise((go) => setTimeout(go, Math.max(0, notBefore - Date.now())));
      if (document.hidden) break;
      wanted = false;
      const began = Date.now();
      failures = (await fetched()) ? 0 : failures + 1;
      const took = Date.now() - began;
      const gap = failures ? pauseAfter(failures) : Math.min(LONGEST_GAP, Math.max(FETCH_GAP, 3 * took));
      notBefore = began + gap;
    }
    fetching = false;
    judge();
  }

  // -- the stream -----------------------------------------------------------------------------------------------------

  let source = null; // while the page is shown: a browser has few connections for all tabs of one site
  let heard = Date.now(); // when the daemon was heard last, or a stream was asked for
  let broken = 0; // since when there is no stream; 0 while there is one
  let refusals = 0; // in a row, the last one among them
  let again = 0; // when to ask for another one; 0 while the browser does that by itself

  function connect() {
    source?.close();
    again = 0;
    heard = Date.now();
    const mine = new EventSource(address);
    source = mine;
    for (const name of ["changed", "still"]) mine.addEventListener(name, (event) => mine === source && hear(event));
    mine.addEventListener("error", () => mine === source && miss());
  }

  function hear(event) {
    const now = Date.now();
    const { version, now: daemons } = JSON.parse(event.data);
    [heard, broken, refusals, told] = [now, 0, 0, version];
    ahead = Date.parse(daemons) - now;
    if (told !== shown || failures) refresh();
    else fresh = now;
    judge();
  }

  function miss() {
    broken ||= Date.now();
    refusals = source.readyState === EventSource.CLOSED ? refusals + 1 : 0;
    again = refusals ? Date.now() + pauseAfter(refusals) : 0;
  }

  function judge() {
    const now = Date.now();
    const away = broken > 0 && now - broken > GRACE;
    const helpsItself = refusals > 0 && now - fresh < LONGEST_PAUSE + GRACE;
    const stale = failures > 0 || (away && !helpsItself);
    document.body.classList.toggle("stale", stale);
    const why = broken ? "the daemon does not answer" : "the page cannot be loaded";
    const well = away ? "not told of changes: looks again every few seconds" : "live";
    say(document.getElementById("live"), stale ? `stale since ${clock(fresh)}: ${why}; trying again` : well);
  }

  function watch() {
    if (document.hidden || !source) return;
    const now = Date.now();
    if (again && now >= again) {
      connect();
      refresh(); // a daemon that has no stream for us, or wants to know who we are, may still have a page
    } else if (!again && now - heard > SILENT) {
      broken ||= heard;
      connect();
    } else if (failures && !broken) {
      refresh();
    }
    judge();
  }

  function stop() {
    source?.close();
    [source, broken, refusals, again] = [null, 0, 0, 0];
  }

  function showOrHide() {
    if (document.hidden) {
      stop();
    } else if (!source) {
      connect();
      broken = Date.now(); // until it answers
    }
  }

  countDown();
  tellLocalTimes();
  setInterval(countDown, 1000);
  if (address) {
    setInterval(watch, 1000);
    document.addEventListener("visibilitychange", showOrHide);
    addEventListener("online", () => source && connect());
    addEventListener("pagehide", stop);
    addEventListener("pageshow", showOrHide);
    showOrHide();
  }
}
