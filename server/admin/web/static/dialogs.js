import { $, setText } from "./dom.js";

// ask asks for confirmation. What does nothing has the focus.
export function ask(title, text, yes) {
  const dialog = $("confirm");
  setText($("confirm-title"), title);
  setText($("confirm-text"), text);
  setText($("confirm-yes"), yes);
  return new Promise((resolve) => {
    let sure = false;
    $("confirm-yes").onclick = () => {
      sure = true;
      dialog.close();
    };
    $("confirm-no").onclick = () => dialog.close();
    dialog.onclose = () => resolve(sure);
    dialog.showModal();
    $("confirm-no").focus();
  });
}
