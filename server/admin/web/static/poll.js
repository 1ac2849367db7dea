// How often the server is asked, in milliseconds: once a second, seldom while
// nobody looks, and less and less often while it does not answer.
const normal = 1000;
const background = 15_000;
const longest = 30_000;

// Poller calls ask(tick), which throws if the server does not answer, and tells
// onState how that goes: "live", "background", "paused" or "away".
export class Poller {
  #ask;
  #onState;
  #timer = 0;
  #running = false;
  #again = false;
  #on = false;
  #paused = false;
  #failures = 0;
  #tick = 0;

  constructor(ask, onState) {
    this.#ask = ask;
    this.#onState = onState;
    document.addEventListener("visibilitychange", () => {
      if (!this.#on || this.#paused) return;
      if (document.hidden) this.#plan();
      else this.now();
    });
  }

  start() {
    this.#on = true;
    this.#paused = false;
    this.#failures = 0;
    this.now();
  }

  stop() {
    this.#on = false;
    clearTimeout(this.#timer);
  }

  get paused() {
    return this.#paused;
  }

  pause(paused) {
    this.#paused = paused;
    if (!paused) {
      this.now();
      return;
    }
    clearTimeout(this.#timer);
    this.#onState("paused", {});
  }

  // now asks for everything at once, as after an action.
  now() {
    this.#tick = 0;
    this.#round();
  }

  async #round() {
    clearTimeout(this.#timer);
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    let fault = null;
    try {
      await this.#ask(this.#tick++);
      this.#failures = 0;
    } catch (problem) {
      fault = problem;
      this.#failures++;
    }
    this.#running = false;
    if (!this.#on) return;
    if (this.#again && !fault) {
      this.#again = false;
      this.#round();
      return;
    }
    this.#again = false;
    if (!this.#paused) this.#plan(fault);
  }

  #plan(fault = null) {
    clearTimeout(this.#timer);
    let delay = document.hidden ? background : normal;
    if (this.#failures > 0) delay = Math.max(delay, Math.min(longest, normal * 2 ** this.#failures));
    this.#timer = setTimeout(() => this.#round(), delay);
    if (this.#failures > 0) {
      if (fault) this.#onState("away", { fault, next: Date.now() + delay });
    } else {
      this.#onState(document.hidden ? "background" : "live", {});
    }
  }
}
