// Slides hold what the lesson says there, which is more on some than on others: each is set smaller until it fits.
require(["node_modules/reveal.js/dist/reveal.js"], function (Reveal) {
  const smallest = 60;  // per cent: a slide is not set smaller than this
  window.Reveal = Reveal;
  function fit() {
    var slide = Reveal.getCurrentSlide(), width = +Reveal.getConfig().width, height = +Reveal.getConfig().height;
    slide.style.height = slide.style.overflowY = "";
    var size, fits = false;
    for (var percent = 100; percent >= smallest && !fits; percent -= 5) {
      slide.style.zoom = size = percent / 100;
      fits = slide.scrollHeight * size <= height && slide.scrollWidth * size <= width + 1;
    }
    if (!fits) {  // it gets a scroll bar
      slide.style.height = height / size + "px";
      slide.style.overflowY = "auto";
    }
    var heading = slide.parentNode.querySelector("h1, h2");
    var section = heading && !slide.contains(heading) ? heading.innerText.replace("¶", "") : "";
    document.getElementById("section").textContent = section;
    Reveal.layout();
  }
  function begin() {
    Reveal.on("slidechanged", fit);
    document.addEventListener("toggle", fit, true);  // a hint or an answer is opened: it does not bubble
    // formulas come later than the slide, for the first time and, by nbconvert, whenever the slide changes
    MathJax.Hub.Register.MessageHook("End Math", fit);
    MathJax.Hub.Register.StartupHook("End", function () {
      MathJax.Hub.Queue(fit, function () { document.body.dataset.ready = "yes"; });
    });
  }
  if (Reveal.isReady()) begin(); else Reveal.on("ready", begin);
});
