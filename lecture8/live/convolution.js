(root, data) => { "use strict"; root.textContent = "convolution " + JSON.stringify(data).length; }
