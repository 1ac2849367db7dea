import { $, setText } from "./dom.js";

const shownFor = 8000; // milliseconds
let timer = 0;

// notify tells the outcome of an action, for a while.
export function notify(text, failed = false) {
  const notice = $("notice");
  notice.hidden = false;
  notice.classList.toggle("failed", failed);
  setText($("notice-text"), text);
  clearTimeout(timer);
  if (!failed) timer = setTimeout(closeNotice, shownFor);
}

export function closeNotice() {
  clearTimeout(timer);
  setText($("notice-text"), "");
  $("notice").hidden = true;
}

// act does something and tells how it went.
export async function act(action, done) {
  try {
    await action();
    notify(done);
    return true;
  } catch (problem) {
    notify(problem.message, true);
    return false;
  }
}
