import resnet_probe, torch, time
from torch import nn
class B(nn.Module):
    def __init__(s):
        super().__init__(); s.l=nn.Linear(8,8)
    def forward(s,x): return x+s.l(x)
m=nn.Sequential(B(),B()); o=torch.optim.SGD(m.parameters(),lr=.01)
t=time.time()
with resnet_probe.attach(m,o,run="remote",every=1) as p:
    for _ in range(200):
        loss=m(torch.randn(16,8)).square().mean(); o.zero_grad(); loss.backward(); o.step(); p.log(loss=loss)
    a=time.time()
print("finish took",time.time()-a)
