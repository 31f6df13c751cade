const box = document.querySelector("nav input");
box.hidden = false;
box.addEventListener("input", () => {
  const wanted = box.value.trim().toLowerCase();
  for (const one of document.querySelectorAll("article, nav li")) {
    const text = one.matches("li") ? one.textContent : one.querySelector("h4").textContent + " " + (one.dataset.names || "");
    one.classList.toggle("hidden", !text.toLowerCase().includes(wanted));
  }
  for (const one of document.querySelectorAll("main h3")) {
    let next = one.nextElementSibling, shown = false;
    for (; next && next.matches("article"); next = next.nextElementSibling) shown ||= !next.classList.contains("hidden");
    one.classList.toggle("hidden", !shown);
  }
});
